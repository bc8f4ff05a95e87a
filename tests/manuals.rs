//! What the documents show is true: every command in them is run, every link leads
//! somewhere.
//!
//! Blocks of README, GUIDE, INSTRUCTORS, the kit's README and the handouts, by the words
//! behind their three backticks:
//! - `console`: commands behind `$ `, and what comes of them on the screen; lines behind a
//!   prompt of the program are typed. `...` stands for any lines, `[..]` for any text.
//! - `console server`: a server, which runs beside the blocks that follow.
//! - `console client`: commands while that server runs.
//! - `console client alone`: commands while no server runs.
//! - `sh`: commands of cargo, whose names must exist.
//!
//! `cargo lab` is run in a folder of its own, so that what it writes stands nowhere else.
//!
//! The default ports that the documents show are free ones when they are run.

#![expect(clippy::panic, clippy::expect_used, reason = "a document that cannot be read fails")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use support::executables::root;
use support::program::{Launch, ReadyLine, Server};
use support::story::Promise;
use support::terminal::Terminal;
use support::{Seen, handout, promise, tcp, udp};

/// A port that a document shows, and the free one that has its place.
#[derive(Clone)]
struct Port {
    shown: &'static str,
    real: String,
}

/// What stands in place of README.md in the students' kit.
const KIT_README: &str = "runner/instructor/kit/README.md";

const CARGO_LAB: &str = "cargo lab";

/// Behind these the person at the terminal types.
const PROMPTS: &[&str] = &[
    "Input lowercase sentence: ",
    "Enter the host URI: ",
    "Please enter the port: ",
    "Please enter the file you want to request from the server: ",
];

/// Servers, their ready lines and their default ports.
const SERVERS: &[(&str, ReadyLine, &str)] = &[
    ("udp_server", ReadyLine::READY_TO_RECEIVE, "12000"),
    ("tcp_server", ReadyLine::READY_TO_RECEIVE, "12000"),
    ("web_server", ReadyLine::READY_TO_SERVE, "6789"),
    ("threaded_web_server", ReadyLine::RUNNING, "8080"),
];

/// Clients, and whether each asks a server of its own choice if it is not told.
const CLIENTS: &[(&str, bool)] =
    &[("udp_client", true), ("tcp_client", true), ("http_client", false)];

/// Options of our programs that are followed by a value.
const WITH_VALUE: &[&str] = &["--host", "--timeout", "--retries", "-o", "-H"];

#[test]
fn every_command_shown_does_what_is_shown() {
    run_all_documents(false);
}

#[test]
#[ignore = "needs nc (netcat-openbsd); .ci/run installs it"]
fn so_does_every_command_of_another_tool() {
    run_all_documents(true);
}

#[test]
fn every_place_that_a_failed_check_names_exists() {
    for place in handout::ALL {
        assert!(leads_somewhere(&root(), place), "no such place: {place}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    for document in documents() {
        // The kit's README will stand where ours does.
        let is_the_kits = document.ends_with(KIT_README);
        let folder = if is_the_kits { root() } else { folder_of(&document).to_owned() };
        for link in links(&read(&document)) {
            let remote = link.starts_with("https://");
            let in_itself = link.starts_with('#');
            let folder = if in_itself { &document } else { &folder };
            assert!(
                remote || leads_somewhere(folder, &link),
                "{}: no such place: {link}",
                document.display()
            );
        }
    }
}

#[test]
fn every_check_and_program_named_in_a_command_exists() {
    for document in documents() {
        for block in blocks(&document) {
            for step in block.steps.iter().filter(|_| block.kind == ["sh"]) {
                let words: Vec<&str> = step.command.split_whitespace().collect();
                let place = || format!("{}: {}", block.place, step.command);
                if let Some(at) = words.iter().position(|word| *word == "--test") {
                    let file = root().join("tests").join(format!("{}.rs", words[at + 1]));
                    assert!(file.exists(), "{}: no such file: {}", place(), file.display());
                    let text = read(&file);
                    for check in words[at + 2..].iter().filter(|word| **word != "--") {
                        let there = text.contains(&format!("fn {check}()"));
                        assert!(there, "{}: no such check", place());
                    }
                }
                if let ["cargo", "lab", "check" | "hint" | "reset", what] = words[..] {
                    assert!(is_in_the_course(what), "{}: no such lab, step or check", place());
                }
                if let ["cargo", "run", "--package", "proof", "--", "check", name] = words[..] {
                    assert!(is_in_the_course(name), "{}: no such check", place());
                }
                if let Some(at) = words.iter().position(|word| *word == "--bin") {
                    let (folder, name) = (root().join("src/bin"), words[at + 1]);
                    let file = folder.join(format!("{name}.rs"));
                    let there = file.exists() || folder.join(name).join("main.rs").exists();
                    assert!(there, "{}: no such program", place());
                }
            }
        }
    }
}

/// Whether that is the number of a lab or of a step, or the name of a check.
fn is_in_the_course(what: &str) -> bool {
    let signs = [format!("test = \"lab{what}_"), format!("\"{what}\"")];
    let labs = fs::read_dir(root().join("labs")).into_iter().flatten().flatten();
    let mut plans = labs.map(|lab| read(&lab.path().join("lab.toml")));
    plans.any(|plan| signs.iter().any(|sign| plan.contains(sign)))
}

#[test]
fn every_place_in_the_table_of_rules_exists() {
    let table = root().join("src/http/CONFORMANCE.md");
    let mut rules = 0;
    for line in read(&table).lines() {
        // §, rule, kept in, checked by. The last table, of what is not done, has one less.
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, _, rule, kept, checked, _] = cells[..] else { continue };
        if rule == "rule" || rule.starts_with("---") {
            continue;
        }
        let (kept, checked) = (code(kept), code(checked));
        rules += 1;
        assert!(!kept.is_empty(), "no place where this is kept: {rule}");
        assert!(!checked.is_empty(), "no check of this: {rule}");
        for place in kept {
            assert!(is_defined(place), "no such place as {place}: {rule}");
        }
        for check in checked {
            assert!(is_check(check), "no such check as {check}: {rule}");
        }
    }
    assert!(rules > 60, "only {rules} rules were found");
}

/// Runs the console blocks of all documents. Where a tool is not installed that is not
/// part of every system, its commands are passed over, or with `all_tools` an error.
fn run_all_documents(all_tools: bool) {
    if std::env::var_os("LAB_PROGRAMS").is_some() {
        return; // The documents show the kit's own programs, and their very words.
    }
    let mut pairs = 0;
    for document in documents() {
        let mut server: Option<(Server, Port)> = None;
        for block in blocks(&document) {
            let kind: Vec<&str> = block.kind.iter().map(String::as_str).collect();
            match kind[..] {
                ["console", "server"] => server = Some(start_server(&block)),
                ["console", "client"] => {
                    let Some((_, port)) = &server else { panic!("{}: no server", block.place) };
                    run(&block, Some(port), all_tools);
                    pairs += 1;
                }
                ["console", "client", "alone"] => {
                    let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
                    let (udp, tcp) = (udp::ClosedPort::on(ip), tcp::ClosedPort::on(ip));
                    let called =
                        |name| block.steps.iter().any(|step| step.command.contains(name));
                    let shown = if called("http_client") { "6789" } else { "12000" };
                    let real = if called("udp_client") { udp.port() } else { tcp.port() };
                    run(&block, Some(&Port { shown, real }), all_tools);
                }
                ["console"] => run(&block, None, all_tools),
                ["sh" | "text" | "rust" | "toml"] => {}
                _ => panic!("{}: a block of no known kind: {kind:?}", block.place),
            }
        }
    }
    assert!(pairs >= 4, "only {pairs} blocks of a client beside a server were found");
}

fn start_server(block: &Block) -> (Server, Port) {
    let [step] = &block.steps[..] else { panic!("{}: one command, please", block.place) };
    let called = Call::in_command(&step.command);
    let known = called.and_then(|call| {
        let server = SERVERS.iter().find(|(name, _, _)| *name == call.program)?;
        Some((call, server))
    });
    let Some((call, (name, ready, shown))) = known else {
        panic!("{}: not one of the kit's servers", block.place);
    };
    assert_eq!(
        call.positional(),
        0,
        "{}: servers are shown on their default port",
        block.place
    );
    let mut arguments = vec!["0"];
    arguments.extend(call.arguments.iter().map(String::as_str));
    let server = support::server(name, &arguments, *ready);
    let port = Port { shown, real: server.port() };
    let form = ready.form.replace("ADDR", &server.host()).replace("PORT", port.shown);
    let line = format!("{}{form}", ready.before);
    assert_eq!(step.shown, [line], "{}: the ready line", block.place);
    (server, port)
}

/// Runs the commands of a block on a terminal and compares its screen.
fn run(block: &Block, port: Option<&Port>, all_tools: bool) {
    let mut last_status = 0;
    for step in &block.steps {
        if step.command == "echo $?" {
            assert_eq!(step.shown, [last_status.to_string()], "{}: exit status", block.place);
            continue;
        }
        let missing = step.tools().into_iter().find(|tool| !installed(tool));
        if let Some(tool) = missing {
            assert!(!all_tools, "{}: {tool} is not installed", block.place);
            continue;
        }
        let promise = promise(format!(
            "{}: `{}` shows\n{}",
            block.place,
            step.command,
            step.shown.join("\n")
        ));
        let (mut terminal, [stdin, stdout, stderr]) = Terminal::open();
        let calls_lab = step.command.starts_with(CARGO_LAB);
        let scratch = calls_lab.then(|| tempfile::tempdir().expect("a folder"));
        // As in the project, with what is beside it in `..`.
        let folder = scratch.as_ref().map_or_else(root, |scratch| {
            let project = scratch.path().join("project");
            fs::create_dir(&project).expect("a folder");
            project
        });
        let running = Launch::shell(&step.runnable(port))
            .in_folder(&folder)
            .stdin_from(stdin)
            .stdout_to(stdout)
            .stderr_to(stderr)
            .env("NO_COLOR", "1")
            .start();
        for line in &step.shown {
            for prompt in PROMPTS {
                if let Some(typed) = line.strip_prefix(prompt) {
                    terminal.expect(prompt, &promise);
                    terminal.type_in(&format!("{}\n", on_the_real_port(typed, port)));
                }
            }
        }
        last_status = running.ended(&promise).status.code().unwrap_or(-1);
        let screen = as_on_the_shown_port(&terminal.screen(), port);
        compare(&step.shown, &screen, &promise);
    }
}

fn on_the_real_port(text: &str, port: Option<&Port>) -> String {
    match port {
        Some(port) => text.replace(port.shown, &port.real),
        None => text.to_owned(),
    }
}

/// The lines of a screen, as they would be on the port that the documents show.
fn as_on_the_shown_port(screen: &[u8], port: Option<&Port>) -> Vec<String> {
    let mut screen = String::from_utf8_lossy(screen).into_owned();
    if let Some(Port { shown, real }) = port {
        // A hint names a server's port only where it is not the default one.
        screen = screen.replace(real, shown).replace(&format!(" -- {shown}"), "");
    }
    screen.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn compare(shown: &[String], screen: &[String], promise: &Promise) {
    if !lines_fit(shown, screen) {
        promise.broken(Seen::Stdout, format!("on the screen:\n{}", screen.join("\n")));
    }
}

/// Whether `screen` is as `shown`, with `...` for any lines.
fn lines_fit(shown: &[String], screen: &[String]) -> bool {
    match (shown, screen) {
        ([], screen) => screen.is_empty(),
        ([hole, rest @ ..], screen) if hole == "..." => {
            (0..=screen.len()).any(|skipped| lines_fit(rest, &screen[skipped..]))
        }
        ([line, shown @ ..], [other, screen @ ..]) => {
            line_fits(line, other) && lines_fit(shown, screen)
        }
        (_, []) => false,
    }
}

/// Whether `other` is as `line`, with `[..]` for any text.
fn line_fits(line: &str, other: &str) -> bool {
    let Some((before, after)) = line.split_once("[..]") else { return line == other };
    let Some(rest) = other.strip_prefix(before) else { return false };
    (0..=rest.len())
        .filter(|at| rest.is_char_boundary(*at))
        .any(|at| line_fits(after, &rest[at..]))
}

/// A fenced block of a document.
struct Block {
    /// The words behind its backticks.
    kind: Vec<String>,
    /// File and line.
    place: String,
    steps: Vec<Step>,
}

/// A command, and what it shows.
struct Step {
    command: String,
    shown: Vec<String>,
}

impl Step {
    /// The command with our programs' executables in place of `cargo run`, and `port` in
    /// place of the one shown.
    fn runnable(&self, port: Option<&Port>) -> String {
        let mut command = self.command.clone();
        if let Some(arguments) = command.strip_prefix(CARGO_LAB) {
            command = format!("{}{arguments}", lab().display());
        }
        if let Some(call) = Call::in_command(&command) {
            let path = support::executables::path_of(call.program);
            let chooses = CLIENTS.contains(&(call.program, true)) && call.positional() == 0;
            let place = match port {
                Some(port) if chooses => format!(" localhost {}", port.shown),
                _ => String::new(),
            };
            let (before, after) = (&command[..call.start], &command[call.end..]);
            let arguments = call.arguments.join(" ");
            command = format!("{before}{} {arguments}{place} {after}", path.display());
        }
        on_the_real_port(&command, port)
    }

    /// The programs that it calls, other than ours and the shell's own.
    fn tools(&self) -> Vec<&str> {
        let commands = self.command.split('|');
        commands
            .filter_map(|command| command.split_whitespace().next())
            .filter(|tool| !["cargo", "echo", "printf"].contains(tool))
            .collect()
    }
}

/// The executable behind `cargo lab`, built now.
fn lab() -> PathBuf {
    let build = escargot::CargoBuild::new()
        .manifest_path(root().join("Cargo.toml"))
        .package("lab-instructor")
        .bin("lab-instructor")
        .run()
        .expect("cargo lab compiles");
    build.path().to_owned()
}

/// `cargo run --bin NAME -- ARGUMENTS` in a command.
struct Call {
    program: &'static str,
    arguments: Vec<String>,
    start: usize,
    end: usize,
}

impl Call {
    fn in_command(command: &str) -> Option<Self> {
        const BEFORE: &str = "cargo run --bin ";
        let start = command.find(BEFORE)?;
        let rest = &command[start..];
        let length = rest.find(['|', '<', '>', ';']).unwrap_or(rest.len());
        let mut words = shell_words(rest[BEFORE.len()..length].trim_end()).into_iter();
        let name = words.next()?;
        let servers = SERVERS.iter().map(|(name, _, _)| *name);
        let mut known = servers.chain(CLIENTS.iter().map(|(name, _)| *name));
        let program = known.find(|known| *known == name)?;
        let arguments = words.skip_while(|word| word == "--").collect();
        Some(Self { program, arguments, start, end: start + length })
    }

    fn positional(&self) -> usize {
        let mut count = 0;
        let mut words = self.arguments.iter();
        while let Some(word) = words.next() {
            if WITH_VALUE.contains(&word.as_str()) {
                words.next();
            } else if !word.starts_with('-') {
                count += 1;
            }
        }
        count
    }
}

/// Words as a shell splits them, their quotes kept.
fn shell_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for character in text.chars() {
        quoted ^= character == '\'';
        if character == ' ' && !quoted {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        } else {
            word.push(character);
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

fn blocks(document: &Path) -> Vec<Block> {
    let text = read(document);
    let mut lines = text.lines().enumerate();
    let mut blocks = Vec::new();
    while let Some((number, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let kind: Vec<String> = kind.split_whitespace().map(str::to_owned).collect();
        let place = format!("{}:{}", document.display(), number + 1);
        let mut steps: Vec<Step> = Vec::new();
        for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
            if kind == ["sh"] {
                steps.push(Step { command: line.to_owned(), shown: Vec::new() });
            } else if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { command: command.to_owned(), shown: Vec::new() });
            } else if let Some(step) = steps.last_mut() {
                step.shown.push(line.to_owned());
            }
        }
        blocks.push(Block { kind, place, steps });
    }
    blocks
}

/// README, GUIDE and the like, all that is in `labs/`, and the README of the students' kit.
fn documents() -> Vec<PathBuf> {
    let mut folders = vec![root(), root().join("tests")];
    let labs = fs::read_dir(root().join("labs")).expect("labs/ is there");
    folders.extend(labs.map(|entry| entry.expect("an entry of labs/").path()));
    let mut found: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).expect("a folder"))
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    found.push(root().join(KIT_README));
    found.sort();
    found
}

fn folder_of(file: &Path) -> &Path {
    file.parent().expect("a file is in a folder")
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<String> {
    let ends = text.split("](").skip(1);
    ends.filter_map(|end| end.split_once(')').map(|(target, _)| target.to_owned())).collect()
}

fn leads_somewhere(folder: &Path, link: &str) -> bool {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let path = if file.is_empty() { folder.to_owned() } else { folder.join(file) };
    if anchor.is_empty() {
        return path.exists();
    }
    let headings = fs::read_to_string(path).unwrap_or_default();
    headings.lines().any(|line| line.starts_with('#') && slug(line) == anchor)
}

/// The anchor that a heading gets where Markdown is shown.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|character| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_'))
        .map(|character| if character == ' ' { '-' } else { character })
        .collect()
}

/// What stands between backticks and reads `module::name`.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).filter(|text| text.contains("::")).collect()
}

/// Whether the module defines something of that name.
fn is_defined(place: &str) -> bool {
    let Some((module, name)) = place.rsplit_once("::") else { return false };
    let defined = [format!("fn {name}("), format!("fn {name}<"), format!("const {name}:")];
    let is_there = |line: &str| defined.iter().any(|words| line.contains(words));
    lines_of(&["src/http", "src/bin", "src"], module).iter().any(|line| is_there(line))
}

/// Whether the module has a test of that name, as a check or of its own.
fn is_check(check: &str) -> bool {
    let Some((module, name)) = check.rsplit_once("::") else { return false };
    let module = module.replace("::", "/");
    let lines = lines_of(&["tests", "src/http"], &module);
    let Some(at) = lines.iter().position(|line| line.trim() == format!("fn {name}() {{"))
    else {
        return false;
    };
    let above = lines[..at].iter().rev().map(|line| line.trim());
    above.take_while(|line| line.starts_with("#[")).any(|line| line == "#[test]")
}

/// The lines of a module, which is a file in the first of these folders that has it.
fn lines_of(folders: &[&str], module: &str) -> Vec<String> {
    let mut files =
        folders.iter().map(|folder| root().join(folder).join(format!("{module}.rs")));
    let file = files.find(|file| file.exists());
    file.map_or_else(Vec::new, |file| read(&file).lines().map(str::to_owned).collect())
}

fn installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).exists())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
