#[test]
fn it_starts() {}

#[test]
fn it_answers() {}

#[test]
fn it_has_a_version() {}
