//! The address under which others reach this machine, for a member that listens everywhere and
//! was not told what to advertise.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use super::url;

/// An address of the network for documentation: routed like any other, never sent to.
const SOMEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The address of the default route; `None` without one.
#[must_use]
pub fn default_route() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Connecting a datagram socket chooses its address and sends nothing.
    socket.connect((SOMEWHERE, 9)).ok()?;
    let address = socket.local_addr().ok().map(|address| address.ip())?;
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

/// The URLs to advertise: the default ones with the machine's address where the member listens
/// on all addresses, otherwise those given.
pub(super) fn advertised(
    given: &[String],
    default: &str,
    listen: &[String],
    address: Option<IpAddr>,
) -> Vec<String> {
    let host = listen.first().and_then(|url| url::host_port(url));
    match (given, host, address) {
        ([only], Some(("0.0.0.0", port)), Some(address)) if only == default => {
            let port = port.parse().unwrap_or_default();
            vec![format!("http://{}", SocketAddr::new(address, port))]
        }
        _ => given.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_urls_follow_the_machine_only_where_it_listens_everywhere() {
        let default = "http://localhost:2379";
        let address = Some(IpAddr::from([10, 0, 0, 7]));
        let cases = [
            (default, "http://0.0.0.0:2379", address, "http://10.0.0.7:2379"),
            (default, "http://0.0.0.0:99", address, "http://10.0.0.7:99"),
            (default, "http://127.0.0.1:2379", address, default),
            ("http://127.0.0.1:2379", "http://0.0.0.0:2379", address, "http://127.0.0.1:2379"),
            (default, "http://0.0.0.0:2379", None, default),
        ];
        for (given, listen, address, expected) in cases {
            let found = advertised(&[given.to_owned()], default, &[listen.to_owned()], address);
            assert_eq!(found, [expected.to_owned()], "{given} {listen}");
        }
    }
}
