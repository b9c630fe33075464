//! By which settings PostgreSQL, or an extension of it, writes the parameters of an update to a log.

use crate::settings::Settings;

/// What decides about it. An extension that is not loaded has no settings.
pub(crate) const ASKED: &str = "SELECT name, current_setting(name, true) FROM unnest(ARRAY['log_statement', \
    'log_min_duration_statement', 'log_min_duration_sample', 'log_statement_sample_rate', \
    'log_transaction_sample_rate', 'log_parameter_max_length', 'log_parameter_max_length_on_error', \
    'auto_explain.log_min_duration', 'auto_explain.log_parameter_max_length', \
    'pgaudit.log', 'pgaudit.log_parameter', 'pgaudit.role']) AS name \
    WHERE current_setting(name, true) IS NOT NULL";

/// The settings by which parameters reach a log.
pub(crate) fn logging(settings: &Settings) -> Vec<&'static str> {
    let mut names = Vec::new();
    // Versions that do not know the bound log parameters whole.
    if settings.get("log_parameter_max_length") != "0" {
        names.extend(logs_statements(settings));
    }
    if settings.is_not("log_parameter_max_length_on_error", "0") {
        names.push("log_parameter_max_length_on_error");
    }
    if settings.is_not("auto_explain.log_min_duration", "-1")
        && settings.get("auto_explain.log_parameter_max_length") != "0"
    {
        names.push("auto_explain.log_min_duration");
    }
    if settings.get("pgaudit.log_parameter") == "on" {
        names.extend(audits(settings));
    }
    names
}

/// The settings by which the server logs an update.
fn logs_statements(settings: &Settings) -> Vec<&'static str> {
    let mut names = Vec::new();
    if matches!(settings.get("log_statement"), "all" | "mod") {
        names.push("log_statement");
    }
    if settings.is_not("log_min_duration_statement", "-1") {
        names.push("log_min_duration_statement");
    }
    if settings.is_not("log_min_duration_sample", "-1") && samples(settings, "log_statement_sample_rate") {
        names.push("log_min_duration_sample");
    }
    if samples(settings, "log_transaction_sample_rate") {
        names.push("log_transaction_sample_rate");
    }
    names
}

/// The settings by which pgaudit logs a swap: by class, or by what a role was granted. It takes a swap that tells what it wrote
/// for a SELECT, which is of the class `read`.
fn audits(settings: &Settings) -> Vec<&'static str> {
    let classes = settings.get("pgaudit.log").to_ascii_lowercase();
    let (mut reads, mut writes) = (false, false);
    for class in classes.split(',').map(str::trim) {
        let adds = !class.starts_with('-') && class != "none";
        match class.trim_start_matches('-') {
            "all" | "none" => (reads, writes) = (adds, adds),
            "read" => reads = adds,
            "write" => writes = adds,
            _ => {}
        }
    }
    let by_class = (reads || writes).then_some("pgaudit.log");
    by_class.into_iter().chain((!settings.get("pgaudit.role").is_empty()).then_some("pgaudit.role")).collect()
}

/// Whether a rate is above zero.
fn samples(settings: &Settings, name: &str) -> bool {
    settings.get(name).parse::<f64>().is_ok_and(|rate| rate > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logging(settings: &[(&str, &str)]) -> Vec<&'static str> {
        super::logging(&Settings::of(settings))
    }

    /// Watches each setting by which parameters reach a log, and each that keeps them out.
    #[test]
    fn settings_that_log_parameters_are_known() {
        let defaults = [
            ("log_statement", "none"),
            ("log_min_duration_statement", "-1"),
            ("log_min_duration_sample", "-1"),
            ("log_statement_sample_rate", "1"),
            ("log_transaction_sample_rate", "0"),
            ("log_parameter_max_length", "-1"),
            ("log_parameter_max_length_on_error", "0"),
        ];
        let check = |changes: &[(&'static str, &'static str)], expect: &[&str]| {
            let settings: Vec<_> = defaults.iter().chain(changes).copied().collect();
            assert_eq!(logging(&settings), expect, "{changes:?}");
        };
        check(&[], &[]);
        check(&[("log_statement", "ddl")], &[]);
        check(&[("log_statement", "mod")], &["log_statement"]);
        check(&[("log_statement", "all"), ("log_parameter_max_length", "0")], &[]);
        check(&[("log_min_duration_statement", "0")], &["log_min_duration_statement"]);
        check(&[("log_min_duration_sample", "1s")], &["log_min_duration_sample"]);
        check(&[("log_min_duration_sample", "1s"), ("log_statement_sample_rate", "0")], &[]);
        check(&[("log_transaction_sample_rate", "0.001")], &["log_transaction_sample_rate"]);
        let on_error = ("log_parameter_max_length_on_error", "64B");
        check(&[on_error, ("log_parameter_max_length", "0")], &["log_parameter_max_length_on_error"]);
        check(&[("auto_explain.log_min_duration", "-1")], &[]);
        check(&[("auto_explain.log_min_duration", "0")], &["auto_explain.log_min_duration"]);
        check(&[("auto_explain.log_min_duration", "0"), ("auto_explain.log_parameter_max_length", "0")], &[]);
        check(&[("pgaudit.log", "all"), ("pgaudit.log_parameter", "off")], &[]);
        check(&[("pgaudit.log", "DDL, Write"), ("pgaudit.log_parameter", "on")], &["pgaudit.log"]);
        check(&[("pgaudit.log", "read"), ("pgaudit.log_parameter", "on")], &["pgaudit.log"]);
        check(&[("pgaudit.log", "all, -write"), ("pgaudit.log_parameter", "on")], &["pgaudit.log"]);
        check(&[("pgaudit.log", "all, -write, -read"), ("pgaudit.log_parameter", "on")], &[]);
        check(&[("pgaudit.log", "ddl, role"), ("pgaudit.log_parameter", "on")], &[]);
        check(
            &[("pgaudit.log", "none"), ("pgaudit.role", "auditor"), ("pgaudit.log_parameter", "on")],
            &["pgaudit.role"],
        );
    }
}
