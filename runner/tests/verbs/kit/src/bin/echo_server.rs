//! Sends back what comes.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(12000);
    // Fill in start 1.1: listen, and say where
    // Fill in instead: let listener: TcpListener = todo!("1.1: listen, and say where");
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("{} {}", words::READY, listener.local_addr()?);
    // Fill in end 1.1
    for stream in listener.incoming() {
        answer(stream?)?;
    }
    Ok(())
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 512];
    // Fill in start 1.2: send back what comes
    // Fill in instead: todo!("1.2: send back what comes")
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
    }
    // Fill in end 1.2
}

#[path = "../words.rs"]
mod words;
