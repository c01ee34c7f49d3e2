//! The flags of every command. Each is `None` when it is not on the command line, so that an
//! environment variable for the same flag is told apart from a default.

use clap::Args;

/// Flags of every command; hidden from its help and shown by `options`.
#[derive(Clone, Debug, Default, Args)]
#[allow(missing_docs, reason = "each field is its flag")]
pub struct Global {
    #[arg(long, global = true, hide = true)]
    pub endpoints: Vec<String>,
    #[arg(long, short = 'w', global = true, hide = true)]
    pub write_out: Option<String>,
    #[arg(long, global = true, hide = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub hex: Option<String>,
    #[arg(long, global = true, hide = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub debug: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub dial_timeout: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub command_timeout: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub keepalive_time: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub keepalive_timeout: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub max_request_bytes: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub max_recv_bytes: Option<String>,
    #[arg(long, global = true, hide = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub insecure_transport: Option<String>,
    #[arg(long, global = true, hide = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub insecure_discovery: Option<String>,
    #[arg(long, global = true, hide = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true")]
    pub insecure_skip_tls_verify: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub cert: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub key: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub cacert: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub auth_jwt_token: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub user: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub password: Option<String>,
    #[arg(long, short = 'd', global = true, hide = true)]
    pub discovery_srv: Option<String>,
    #[arg(long, global = true, hide = true)]
    pub discovery_srv_name: Option<String>,
}

impl Global {
    /// Every flag but `endpoints`, by name.
    pub fn named(&mut self) -> [(&'static str, &mut Option<String>); 20] {
        [
            ("write-out", &mut self.write_out),
            ("hex", &mut self.hex),
            ("debug", &mut self.debug),
            ("dial-timeout", &mut self.dial_timeout),
            ("command-timeout", &mut self.command_timeout),
            ("keepalive-time", &mut self.keepalive_time),
            ("keepalive-timeout", &mut self.keepalive_timeout),
            ("max-request-bytes", &mut self.max_request_bytes),
            ("max-recv-bytes", &mut self.max_recv_bytes),
            ("insecure-transport", &mut self.insecure_transport),
            ("insecure-discovery", &mut self.insecure_discovery),
            ("insecure-skip-tls-verify", &mut self.insecure_skip_tls_verify),
            ("cert", &mut self.cert),
            ("key", &mut self.key),
            ("cacert", &mut self.cacert),
            ("auth-jwt-token", &mut self.auth_jwt_token),
            ("user", &mut self.user),
            ("password", &mut self.password),
            ("discovery-srv", &mut self.discovery_srv),
            ("discovery-srv-name", &mut self.discovery_srv_name),
        ]
    }
}
