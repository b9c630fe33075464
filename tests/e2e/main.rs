//! End to end: the binary `reseal` against real servers, with cells that foreign producers made and read back.
//!
//! Every test says which guard it watches: remove the guard and the test turns red.

// A helper that unwraps fails its test, which is what it is for.
#![allow(clippy::unwrap_used)]

mod alerts;
mod approvals;
mod approver_keys;
mod audit;
mod bad_input;
mod brought;
mod claims;
mod copies;
mod crash;
mod custody;
mod deployed;
mod destroyed;
mod disk;
mod envelopes;
mod faults;
mod first_start;
mod first_use;
mod formats;
mod given_up;
mod grants;
mod guards;
mod hooks;
mod hostile;
mod identity;
mod identity_kept;
mod kms;
mod later;
mod leaks;
mod left_behind;
mod letters;
mod mail_steps;
mod neighbours;
mod notify;
mod pages;
mod paths;
mod pkcs11;
mod pooler;
mod promises;
mod put_back;
mod quarantine;
mod rolled_back;
mod said;
mod schedule;
mod search_path;
mod seen_first;
mod serve;
mod served;
mod shapes;
mod shared_parts;
mod signed;
mod stale;
mod stale_guards;
mod steered;
mod steering;
mod stored;
mod stored_elsewhere;
mod stored_later;
mod systems;
mod tampering;
mod tls;
mod trusted_files;
mod typed_keys;
mod unattended;
mod undoing;
mod untrusted;
mod upgrade;
mod upkeep;
mod way_back;
mod who_agrees;
mod world;
mod written_out;
