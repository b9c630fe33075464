//! Examples that `--help` shows below a command's options.

pub(super) const CHECK: &str = "\
Examples:
  reseal check plan.yaml              Check the form of the plan
  reseal check plan.yaml --keys       Read the keys too
  reseal check plan.yaml --connect    Check the database and a sample of cells
  reseal check plans/*.yaml           Check several plans";

pub(super) const RUN: &str = "\
Examples:
  reseal run plan.yaml --dry-run        Open and seal every cell, write nothing
  reseal run plan.yaml                  Rotate every table of the plan
  reseal run plan.yaml --tenant acme    Rotate the rows of one tenant
  reseal run plan.yaml --until 06:00    Pause at 6:00, to be resumed later
  reseal run plan.yaml --emergency      Rotate away from a compromised key

Exit codes: 0 complete, 1 cells remain, 3 refused, 4 paused or busy.";

pub(super) const VERIFY: &str = "\
Exit code 0: the primary key opens every cell; 1: it does not open some.";

pub(super) const QUARANTINE: &str = "\
Examples:
  reseal quarantine plan.yaml                        List cells and reasons
  reseal inspect plan.yaml --table people --row 7    Look at one row
  reseal quarantine plan.yaml --retry                Retry them";

pub(super) const ROLLBACK: &str = "\
Examples:
  reseal rollback plan.yaml --confirm crm                  Restore the old cells
  reseal rollback plan.yaml --confirm crm --to-key v1      With two old keys

Run it again to resume a rollback that was interrupted.";

pub(super) const KEYS: &str = "\
Examples:
  reseal keys generate --plan plan.yaml --id v2 --file v2.key
  reseal keys list plan.yaml
  reseal keys retire plan.yaml v1
  reseal keys destroy plan.yaml v1 --confirm v1";

pub(super) const APPROVE: &str = "\
Examples:
  reseal approve list plan.yaml                   List pending requests
  reseal approve REQUEST                          Show a request, sign nothing
  reseal approve REQUEST --key alice.key          Approve it
  reseal approve keygen alice --file alice.key    Create your key";

pub(super) const SERVE: &str = "\
Examples:
  reseal serve plan.yaml                            Run the plan's schedule
  reseal serve *.yaml --listen 127.0.0.1:9187       With status page and metrics";

pub(super) const AUDIT: &str = "\
Examples:
  reseal audit verify
  reseal audit export --out trail.jsonl
  reseal audit report plan.yaml --standard hipaa \\
      --from 2026-01-01 --to 2026-03-31 --out report.html";
