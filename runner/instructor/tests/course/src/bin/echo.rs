fn main() {
    // Fill in start 1.1: listen
    println!("the solution of 1.1");
    // Fill in instead: todo!("1.1: listen")
    // Fill in end 1.1
}

fn answer() {
    // Fill in start 1.2: answer
    println!("the solution of 1.2");
    // Fill in end 1.2
}
