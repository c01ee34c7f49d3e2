//! Listen URLs: `http://host:port`, `https://host:port`, `unix://path`, `unixs://path`. Whether TLS
//! is spoken there is not a matter of the address.

use url::Url;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// A host name or address, and a port.
    Tcp {
        /// As in the URL, without brackets.
        host: String,
        /// Zero lets the system choose.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(String),
}

/// Why a URL cannot be listened on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL, or one without a host or port.
    #[error("cannot listen on {0:?}: expected http://<host>:<port> or unix://<path>")]
    Malformed(String),
}

impl ListenAddress {
    /// Reads a listen URL.
    ///
    /// # Errors
    /// A URL of another form.
    pub fn parse(text: &str) -> Result<ListenAddress, AddressError> {
        let path = text.strip_prefix("unix://").or_else(|| text.strip_prefix("unixs://"));
        if let Some(path) = path {
            return match path {
                "" => Err(AddressError::Malformed(text.into())),
                path => Ok(ListenAddress::Unix(path.into())),
            };
        }
        let malformed = || AddressError::Malformed(text.into());
        let url = Url::parse(text).map_err(|_| malformed())?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(malformed());
        }
        let host = url.host_str().ok_or_else(malformed)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default().ok_or_else(malformed)?;
        Ok(ListenAddress::Tcp { host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressError, ListenAddress};

    #[test]
    fn urls_are_read_as_etcd_reads_them() {
        let tcp = |host: &str, port| Ok(ListenAddress::Tcp { host: host.into(), port });
        assert_eq!(ListenAddress::parse("http://127.0.0.1:2379"), tcp("127.0.0.1", 2379));
        assert_eq!(ListenAddress::parse("http://[::1]:2379"), tcp("::1", 2379));
        assert_eq!(ListenAddress::parse("http://localhost:0"), tcp("localhost", 0));
        assert_eq!(ListenAddress::parse("unix://a.sock"), Ok(ListenAddress::Unix("a.sock".into())));
        assert_eq!(ListenAddress::parse("https://localhost:2379"), tcp("localhost", 2379));
        assert_eq!(
            ListenAddress::parse("unixs://a.sock"),
            Ok(ListenAddress::Unix("a.sock".into()))
        );
        for text in ["localhost:2379", "", "ftp://a:1", "unix://"] {
            assert_eq!(ListenAddress::parse(text), Err(AddressError::Malformed(text.into())));
        }
    }
}
