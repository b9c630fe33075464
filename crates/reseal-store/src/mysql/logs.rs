//! By which settings MariaDB or MySQL, or a plugin of it, writes the values of an update to a log.

use crate::settings::Settings;

/// What decides about it. A plugin that is not loaded has no variables.
pub(crate) const ASKED: &str = "SHOW VARIABLES WHERE Variable_name IN ('general_log', 'sql_log_off', 'slow_query_log', 'log_output', \
    'server_audit_logging', 'server_audit_events', 'audit_log_policy')";

/// The variables by which values reach a log: a file, or a table of the server.
pub(crate) fn logging(variables: &Settings) -> Vec<&'static str> {
    let mut names = Vec::new();
    if !variables.get("log_output").contains("NONE") {
        if variables.is("general_log", "ON") && !variables.is("sql_log_off", "ON") {
            names.push("general_log");
        }
        // Any batch may be slow, whatever the bound.
        if variables.is("slow_query_log", "ON") {
            names.push("slow_query_log");
        }
    }
    if variables.is("server_audit_logging", "ON") && audits_updates(variables) {
        names.push("server_audit_logging");
    }
    if matches!(variables.get("audit_log_policy"), "ALL" | "QUERIES") {
        names.push("audit_log_policy");
    }
    names
}

/// Whether MariaDB's audit plugin writes updates with their text; without a list it writes everything.
fn audits_updates(variables: &Settings) -> bool {
    let events = variables.get("server_audit_events").to_ascii_uppercase();
    let mut events = events.split(',').map(str::trim);
    events.any(|event| matches!(event, "" | "QUERY" | "QUERY_DML" | "QUERY_DML_NO_SELECT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Watches each variable by which values reach a log, and each that keeps them out.
    #[test]
    fn variables_that_log_values_are_known() {
        let check = |variables: &[(&str, &str)], expect: &[&str]| {
            assert_eq!(logging(&Settings::of(variables)), expect);
        };
        check(&[("general_log", "OFF"), ("slow_query_log", "OFF"), ("log_output", "FILE")], &[]);
        check(&[("general_log", "ON"), ("log_output", "TABLE")], &["general_log"]);
        check(&[("general_log", "ON"), ("sql_log_off", "ON"), ("log_output", "FILE")], &[]);
        check(&[("slow_query_log", "ON"), ("log_output", "FILE")], &["slow_query_log"]);
        check(&[("slow_query_log", "ON"), ("general_log", "ON"), ("log_output", "NONE")], &[]);
        let audit = "server_audit_logging";
        check(&[(audit, "OFF"), ("server_audit_events", "")], &[]);
        check(&[(audit, "ON"), ("server_audit_events", "")], &[audit]);
        check(&[(audit, "ON"), ("server_audit_events", "CONNECT,query_dml")], &[audit]);
        check(&[(audit, "ON"), ("server_audit_events", "CONNECT,TABLE,QUERY_DDL")], &[]);
        check(&[("audit_log_policy", "LOGINS")], &[]);
        check(&[("audit_log_policy", "ALL")], &["audit_log_policy"]);
    }
}
