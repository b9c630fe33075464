use super::*;
use crate::tidy::TextFile;
use crate::workspace::Member;

const EXITS: &str = "pub(crate) const CLEAN: u8 = 0;
    pub(crate) const USAGE: u8 = 2; pub(crate) const REFUSED: u8 = 3;
    pub(crate) const STOPPED: u8 = 4; pub(crate) const FAILED: u8 = 5;";
const EXIT_LINES: &str =
    "| Exit code | Meaning |\n| --- | --- |\n| `0` | |\n| `2` | |\n| `3` | |\n| `4` | |\n| `5` | |\n";
/// What the real constructors look like.
const FAILURE: &str = "impl Failure {
    fn usage(code: &str, help: String) -> Self { Failure::with(FailureClass::Usage, code, help) }
    fn refused(code: &str, help: String) -> Self { Failure::with(FailureClass::Refused, code, help) }
    fn with(class: FailureClass, code: &str, help: String) -> Self { Failure { class, code: code.into(), help } }
}";

/// The sources of these files, each the library of a crate or plugin, beside the exit codes.
fn sources(files: &[(&str, &str)]) -> Sources {
    let texts = files.iter().copied().chain([("crates/reseal-cli", EXITS)]).map(|(folder, text)| {
        let file = if folder == "crates/reseal-cli" { "exit.rs" } else { "lib.rs" };
        TextFile { path: format!("{folder}/src/{file}"), text: text.to_owned() }
    });
    let mut texts: Vec<TextFile> = texts.collect();
    texts.push(TextFile { path: "crates/reseal-cli/src/main.rs".into(), text: "mod exit;".into() });
    let member = |folder: &str| {
        let name = folder.rsplit('/').next().unwrap_or_default().to_owned();
        Member { name, folder: folder.to_owned(), dependencies: vec![] }
    };
    let members: Vec<Member> =
        files.iter().map(|(folder, _)| member(folder)).chain([member("crates/reseal-cli")]).collect();
    Sources::parse(&members, &texts)
}

/// The codes of a crate `a`, each with the exit codes that the page must state: `code 2`, `code 3 warning`.
#[track_caller]
fn check(source: &str, expect: &[&str]) {
    check_in("crates/a", source, expect);
}

#[track_caller]
fn check_in(folder: &str, source: &str, expect: &[&str]) {
    let text = format!("{FAILURE}\n{source}");
    let sources = sources(&[(folder, &text)]);
    let found = Found::read(&sources);
    assert_eq!(found.faults, [""; 0], "{source}");
    let exits = exit_codes(&sources);
    let said = |(code, ends): (&String, &Ends)| {
        let ends: Vec<String> = ends
            .iter()
            .map(|end| match end {
                End::Any => "any".to_owned(),
                end => word(*end, &exits),
            })
            .collect();
        format!("{code} {}", ends.join(" "))
    };
    assert_eq!(found.errors.iter().map(said).collect::<Vec<_>>(), expect, "{source}");
}

#[test]
fn a_code_is_found_in_a_constructor() {
    check("fn f() -> Failure { Failure::usage(\"one\", h()) }", &["one 2"]);
    check(
        "fn f() { g(|| Failure::refused(\"one\", h())); let bad = || Failure::usage(\"one\", h()); }",
        &["one 2 3"],
    );
    check("fn f() { m!(1) } #[cfg(test)] mod tests { fn f() { Failure::usage(\"one\", h()) } }", &[]);
}

#[test]
fn a_code_is_found_in_a_field() {
    check("fn f() -> Advice { Advice { class: Class::Stopped, code: \"one\", help: None } }", &["one 4"]);
    check("fn f() -> Finding { Finding { severity: Severity::Warning, code: \"one\" } }", &["one warning"]);
    check("fn f() -> Advice { Advice { code: \"one\", ..error.advice() } }", &["one any"]);
    check_in("crates/reseal-plan", "fn f() -> Finding { Finding { code: \"one\", span } }", &["one 2"]);
    check("fn f() -> Done { Done { code: 0 } }", &[]);
}

#[test]
fn a_code_is_found_behind_functions_that_hand_it_on() {
    check("fn g(rows: u8, code: &str) { Failure::usage(code, h()) } fn f() { g(1, \"one\") }", &["one 2"]);
    check(
        "impl Meaning { fn find(&mut self, code: &str, path: u8) { self.report(path, code, 1); }
         fn report(&mut self, path: u8, code: &str, n: u8) { Failure::refused(code, h()) }
         fn f(&mut self) { self.find(\"one\", 1); text.find(\"two\"); self.report(1, \"three\", 2) } }",
        &["one 3", "three 3"],
    );
    check(
        "fn f() { let mut refuse = |code, help| Failure::refused(code, help); refuse(\"one\", h()); }",
        &["one 3"],
    );
    check(
        "fn g(code: &str) { Failure::refused(code, h()); Failure::usage(code, h()); } fn f() { g(\"one\") }",
        &["one 2 3"],
    );
}

#[test]
fn a_code_is_found_behind_a_name() {
    check(
        "fn f(&self) { let (code, help) = match self { A => (\"one\", 1), B if x => { g(); (\"two\", 2) } };
         Failure::refused(code, help) }",
        &["one 3", "two 3"],
    );
    check(
        "fn f() { let code = if x { \"one\" } else { \"two\" }; Failure::usage(code, h()) }",
        &["one 2", "two 2"],
    );
    check("const FAIL: &str = \"one\"; fn f() { Failure::usage(FAIL, h()) }", &["one 2"]);
    check("fn f() { Failure::refused(all.first().map_or(\"one\", |first| first.code), h()) }", &["one 3"]);
    check(
        "fn f() { x.map(|(code, message)| Failure { code, message }); Failure::usage(error.code, h()) }",
        &[],
    );
}

#[test]
fn a_code_that_cannot_be_told_is_a_fault() {
    for source in ["fn f() { Failure::usage(&format!(\"{x}\"), h()) }", "fn f() { Failure::usage(g(), h()) }"]
    {
        let found = Found::read(&sources(&[("crates/a", &format!("{FAILURE}\n{source}"))]));
        assert_eq!(found.faults, ["crates/a/src/lib.rs:6: it cannot be told which code this is"], "{source}");
    }
}

const REASONS: &str = "reasons! { One \"one\" \"It is.\" \"Do.\" Two \"two\" \"It is.\" \"Do.\" }
    fn f() -> Finding { Finding { severity, code: Reason::Two.name(), message } }";
const FORMAT: &str =
    "const X: Broken = Broken(\"three\"); fn broken(reason: &str) -> M { M::Broken(Broken(reason)) }
    fn f() -> M { broken(\"one\") }";

/// What there is to say of a page, where the sources have two reasons, a format and an error.
#[track_caller]
fn check_page(page: &str, expect: &[&str]) {
    let error = format!("{FAILURE} fn f() {{ Failure::usage(\"bad\", h()) }}");
    let sources =
        sources(&[("crates/a", &error), ("crates/reseal-engine", REASONS), ("plugins/format-x", FORMAT)]);
    let findings = findings(&sources, &Page::read(&format!("{EXIT_LINES}\n{page}")));
    assert_eq!(findings.len(), expect.len(), "{findings:#?}");
    for (finding, expect) in findings.iter().zip(expect) {
        assert!(finding.contains(expect), "{finding}\nis not: {expect}");
    }
}

const ERRORS: &str =
    "| Code | Exit | Meaning |\n| --- | --- | --- |\n| `bad` | 2 | |\n| `two` | 3 or warning | |\n";
const OWN: &str = "| Code | Meaning |\n| --- | --- |\n| `one` | |\n| `two` | |\n";
const FORMATS: &str = "| Code | Format | Meaning |\n| --- | --- | --- |\n| `three` | x | |\n";

#[test]
fn a_page_with_each_code_is_right() {
    check_page(&format!("{ERRORS}\n{OWN}\n{FORMATS}"), &[]);
    // A table of something else says nothing.
    check_page(&format!("{ERRORS}\n{OWN}\n{FORMATS}\n| What | Why |\n| --- | --- |\n| four | |\n"), &[]);
}

#[test]
fn a_code_without_a_line_is_found_and_a_line_without_a_code() {
    let page = format!("{ERRORS}\n{OWN}\n{FORMATS}");
    check_page(&page.replace("| `bad` | 2 | |\n", ""), &["`bad` has no line (errors)"]);
    check_page(&page.replace("| `one` | |\n", ""), &["`one` has no line (quarantine reasons of the engine)"]);
    check_page(
        &page.replace("| `three` | x | |\n", ""),
        &["`three` has no line (quarantine reasons of formats)"],
    );
    check_page(
        &page.replace("`bad`", "`worse`"),
        &["`bad` has no line", ":11: no source gives the code `worse` (errors)"],
    );
    check_page(&page.replace("| `one` |", "| `none` |"), &["`one` has no line", "the code `none`"]);
    check_page(
        &page.replace("| `bad` | 2 | |\n", "| `bad` | 2 | |\n| `bad` | 2 | |\n"),
        &["`bad` has two lines"],
    );
    check_page(
        &format!("{page}\n| Exit code | |\n| --- | --- |\n| `7` | |\n"),
        &["the code `7` (exit codes)"],
    );
}

#[test]
fn a_line_with_another_exit_code_or_format_is_found() {
    let page = format!("{ERRORS}\n{OWN}\n{FORMATS}");
    check_page(
        &page.replace("| `bad` | 2 |", "| `bad` | 3 |"),
        &[":11: `bad`: the sources say of its exit: 2"],
    );
    check_page(
        &page.replace("| `bad` | 2 |", "| `bad` | 2 or 3 |"),
        &["`bad`: the sources say of its exit: 2"],
    );
    check_page(&page.replace("3 or warning", ""), &["`two`: the sources say of its exit: something else"]);
    check_page(&page.replace("| x |", "| y |"), &["`three`: the sources say of its formats: x"]);
}

#[test]
fn a_code_of_a_refused_plan_exits_as_a_refusal() {
    let source = "fn f() -> Finding { Finding { code: \"unsupported\", span } }";
    let sources = sources(&[("crates/reseal-plan", source)]);
    let page = |exit: &str| {
        Page::read(&format!(
            "{EXIT_LINES}\n| Code | Exit | M |\n| --- | --- | --- |\n| `unsupported` | {exit} | |\n"
        ))
    };
    assert_eq!(findings(&sources, &page("3")), [""; 0]);
    assert_eq!(findings(&sources, &page("2")).len(), 1);
}
