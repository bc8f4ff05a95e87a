#[test]
fn a_file_is_found() {}
