//! The checks of `greeter`.

use support::program::complete;
use support::promise;

#[test]
fn it_greets_the_world() {
    let promise = promise("it greets the world").read("labs/2-greeting/README.md#21-hello-world");
    complete("greeter", &[]).status(0, &promise).stdout(b"hello, world\n", &promise);
}

#[test]
fn it_ends_with_status_0() {
    complete("greeter", &[]).status(0, &promise("it ends with status 0"));
}
