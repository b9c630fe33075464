//! `TCP_NODELAY` on this process's connections.
//!
//! sqlx 0.9.0 leaves Nagle's algorithm on and keeps its sockets to itself. Over TLS a batch goes out in many records, the
//! last of which then waits for the server's delayed acknowledgement: up to 40 ms for each statement. The fix is merged
//! upstream (sqlx pull request 4336); this file goes when it is released.

use std::os::fd::{BorrowedFd, RawFd};

/// Turns Nagle's algorithm off on every TCP socket that this process has open. Done after each connect; where the system
/// does not list open descriptors, nothing happens and connections are merely slow.
pub(crate) fn set() {
    let Ok(open) = std::fs::read_dir("/dev/fd") else { return };
    for entry in open.flatten() {
        if let Some(fd) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            set_on(fd);
        }
    }
}

#[allow(unsafe_code)]
fn set_on(fd: RawFd) {
    if fd < 0 {
        return;
    }
    // SAFETY: `borrow_raw` asks for a descriptor other than -1 that stays open as long as the borrow. The first is checked
    // above. The second holds but for a descriptor that another thread closes between the listing and this call; the
    // borrow is handed to one `setsockopt` and kept nowhere, and that call does no harm to whatever the number then
    // means: it fails on what is no open TCP socket, and a TCP socket is one of our own, which is to have the option.
    let socket = unsafe { BorrowedFd::borrow_raw(fd) };
    let _ = rustix::net::sockopt::set_tcp_nodelay(socket, true);
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn open_sockets_get_the_option() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(!stream.nodelay().unwrap());
        set();
        assert!(stream.nodelay().unwrap());
    }
}
