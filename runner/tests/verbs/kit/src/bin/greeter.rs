//! Greets.

fn main() {
    // Fill in start 2.1: greet the world
    // Fill in instead: println!("hello");
    println!("hello, world");
    // Fill in end 2.1
}
