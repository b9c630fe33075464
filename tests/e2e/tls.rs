//! TLS against real servers: whose certificate is believed.

use crate::custody::code;
use crate::world::{World, variable};

/// A server that takes TLS for 127.0.0.1, and how a URL asks for it.
struct Server {
    url: String,
    certificate: String,
    /// What names the file of a root certificate.
    root: &'static str,
    /// What has nobody's certificate checked, the authority's alone, and the host's name too.
    modes: [&'static str; 3],
}

fn servers() -> [Server; 2] {
    [
        Server {
            url: variable("RESEAL_TEST_TLS_POSTGRES_URL"),
            certificate: variable("RESEAL_TEST_POSTGRES_CERTIFICATE"),
            root: "sslrootcert",
            modes: ["sslmode=require", "sslmode=verify-ca", "sslmode=verify-full"],
        },
        Server {
            url: variable("RESEAL_TEST_LOGGED_MYSQL_URL"),
            certificate: variable("RESEAL_TEST_MYSQL_CERTIFICATE"),
            root: "ssl-ca",
            modes: ["ssl-mode=REQUIRED", "ssl-mode=VERIFY_CA", "ssl-mode=VERIFY_IDENTITY"],
        },
    ]
}

/// Watches what docs/connections.md says of TLS: the mode that it recommends keeps out a server with a certificate of another
/// authority or for another name, and lets the right one through.
#[test]
fn a_certificate_is_believed_where_its_authority_and_its_name_are() {
    for Server { url, certificate, root, modes: [encrypted, by_authority, by_name] } in servers() {
        let mut world = World::empty_at(&url, "aes-gcm");
        world.producer(&["seed", &world.url, "people", "aes-gcm", "v1.json", "20"]);
        let here = world.url.clone();
        let elsewhere = here.replace("127.0.0.1", "localhost");
        let mut made = world.script("certificate.py", &[world.path("").to_str().unwrap(), "127.0.0.1"]);
        assert!(made.status().unwrap().success());
        let another = world.path("ca.pem").display().to_string();
        let to = |url: &str, mode: &str, trusted: Option<&str>| {
            let root = trusted.map(|file| format!("&{root}={file}")).unwrap_or_default();
            format!("{url}?{mode}{root}")
        };
        for url in [
            // The right name, of an authority that nobody knows.
            to(&here, by_name, None),
            to(&here, by_authority, None),
            to(&here, by_name, Some(&another)),
            to(&here, by_authority, Some(&another)),
            // The right authority, and another name.
            to(&elsewhere, by_name, Some(&certificate)),
        ] {
            world.url = url;
            let refused = world.reseal(&["run", "PLAN"]);
            assert_eq!(code(&refused), (3, "connection-refused"), "{}: {}", world.url, refused.1);
            assert!(refused.1.to_string().contains("certificate"), "{}: {}", world.url, refused.1);
        }
        for url in [
            to(&here, encrypted, None),
            to(&elsewhere, by_authority, Some(&certificate)),
            to(&here, by_name, Some(&certificate)),
        ] {
            world.url = url;
            let (code, run) = world.reseal(&["run", "PLAN"]);
            assert_eq!(code, 0, "{}: {run}", world.url);
        }
    }
}
