//! The global flags as the commands use them: from the command line, the environment
//! (`ETCDCTL_<FLAG>`) or the default.

use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

use super::args::Global;
use super::client::Login;
use super::client::secure::{Security, TlsFlags};
use super::display::{Display, Format};
use super::failure::Failure;
use super::text::password;
use crate::duration;

const PREFIX: &str = "ETCDCTL_";

/// What all commands need to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the members are, in the order in which they are tried.
    pub endpoints: Vec<String>,
    /// How answers are printed.
    pub display: Display,
    /// How long a connection may take to open.
    pub dial_timeout: Duration,
    /// How long a short command may take.
    pub command_timeout: Duration,
    /// Whether `--command-timeout` was given on the command line.
    pub timeout_is_set: bool,
    /// Time between pings of an idle connection.
    pub keepalive_time: Duration,
    /// How long a ping may stay without an answer.
    pub keepalive_timeout: Duration,
    /// Who the client is.
    pub login: Login,
    /// The greatest request that is sent.
    pub request_bytes_max: usize,
    /// The greatest answer that is taken.
    pub answer_bytes_max: usize,
    /// TLS.
    pub security: Security,
}

impl Settings {
    /// Reads the flags; `environment` is that of the process, `errors` takes warnings.
    pub fn read(
        mut global: Global,
        environment: &[(String, String)],
        errors: &mut dyn Write,
    ) -> Result<Settings, Failure> {
        let timeout_is_set = global.command_timeout.is_some();
        refuse_empty(&global)?;
        take_environment(&mut global, environment, errors)?;
        if flag("debug", &global.debug, false)? {
            show_environment(&mut global, errors);
        }
        refuse_unsupported(&global)?;
        let format = Format::parse(global.write_out.as_deref().unwrap_or("simple"))?;
        let hex = flag("hex", &global.hex, false)?;
        let security = security(&global)?;
        Ok(Settings {
            security,
            endpoints: endpoints(&global.endpoints),
            display: Display { format, hex, value_only: false },
            dial_timeout: time("dial-timeout", &global.dial_timeout, "2s")?,
            command_timeout: time("command-timeout", &global.command_timeout, "5s")?,
            timeout_is_set,
            login: login(&global)?,
            keepalive_time: time("keepalive-time", &global.keepalive_time, "2s")?,
            keepalive_timeout: time("keepalive-timeout", &global.keepalive_timeout, "6s")?,
            request_bytes_max: size("max-request-bytes", &global.max_request_bytes, 2 << 20)?,
            answer_bytes_max: size("max-recv-bytes", &global.max_recv_bytes, i32::MAX as usize)?,
        })
    }

    /// The same for one member only.
    pub fn at(&self, endpoint: &str) -> Settings {
        Settings { endpoints: vec![endpoint.to_owned()], ..self.clone() }
    }
}

fn endpoints(given: &[String]) -> Vec<String> {
    if given.is_empty() {
        return vec!["127.0.0.1:2379".to_owned()];
    }
    let all = given.iter().flat_map(|list| list.split(','));
    all.map(|endpoint| endpoint.trim().to_owned()).collect()
}

/// A flag and its variable may not both be set; a variable that belongs to no flag is told of.
fn take_environment(
    global: &mut Global,
    environment: &[(String, String)],
    errors: &mut dyn Write,
) -> Result<(), Failure> {
    for (name, value) in environment {
        let Some(flag) = name.strip_prefix(PREFIX) else { continue };
        let flag = flag.to_lowercase().replace('_', "-");
        let known = match flag.as_str() {
            "watch-key" | "watch-range-end" => continue,
            "endpoints" if global.endpoints.is_empty() => {
                global.endpoints = vec![value.clone()];
                continue;
            }
            "endpoints" => Some(true),
            _ => global.named().into_iter().find(|(known, _)| *known == flag).map(|(_, slot)| {
                let taken = slot.is_some();
                slot.get_or_insert(value.clone());
                taken
            }),
        };
        match known {
            Some(false) => {}
            Some(true) => return Err(conflict(name, errors)),
            None => {
                let shown = format!("{name}={value}");
                log(errors, "warn", "unrecognized environment variable", &shown);
            }
        }
    }
    Ok(())
}

fn conflict(name: &str, errors: &mut dyn Write) -> Failure {
    let text = "conflicting environment variable is shadowed by corresponding command-line flag \
                (either unset environment variable or disable flag))";
    log(errors, "fatal", text, name);
    Failure::silent(1)
}

fn log(errors: &mut dyn Write, level: &str, text: &str, variable: &str) {
    let variable = crate::ctl::display::json::text(variable.as_bytes());
    let line = format!(r#"{{"level":"{level}","msg":"{text}","environment-variable":{variable}}}"#);
    // Standard error may be closed; the command goes on without its warnings.
    let _ = writeln!(errors, "{line}");
}

fn show_environment(global: &mut Global, errors: &mut dyn Write) {
    let _ = writeln!(errors, "{PREFIX}ENDPOINTS={:?}", global.endpoints);
    for (name, value) in global.named() {
        let name = name.to_uppercase().replace('-', "_");
        let secret = name.contains("PASSWORD") || name.contains("TOKEN") || name == "USER";
        let value = if secret { "***" } else { value.as_deref().unwrap_or("") };
        let _ = writeln!(errors, "{PREFIX}{name}={value}");
    }
}

fn refuse_empty(global: &Global) -> Result<(), Failure> {
    for (name, value) in [("cert", &global.cert), ("key", &global.key), ("cacert", &global.cacert)]
    {
        if value.as_deref() == Some("") {
            let text = format!("empty string is passed to --{name} option");
            return Err(Failure::bad_arguments(text));
        }
    }
    Ok(())
}

fn refuse_unsupported(global: &Global) -> Result<(), Failure> {
    let given = |value: &Option<String>| value.as_deref().is_some_and(|value| !value.is_empty());
    let unsupported = [
        ("discovery-srv", given(&global.discovery_srv)),
        ("discovery-srv-name", given(&global.discovery_srv_name)),
    ];
    match unsupported.iter().find(|(_, used)| *used) {
        Some((name, _)) => Err(Failure::not_supported(format!("--{name}"))),
        None => Ok(()),
    }
}

fn security(global: &Global) -> Result<Security, Failure> {
    let file = |value: &Option<String>| value.clone().filter(|path| !path.is_empty());
    let skip_verify = &global.insecure_skip_tls_verify;
    let flags = TlsFlags {
        cert: file(&global.cert),
        key: file(&global.key),
        cacert: file(&global.cacert),
        insecure_transport: flag("insecure-transport", &global.insecure_transport, true)?,
        skip_verify: flag("insecure-skip-tls-verify", skip_verify, false)?,
    };
    Security::open(flags).map_err(Failure::bad_arguments)
}

/// A token, or a user whose password is asked for when it is not given.
fn login(global: &Global) -> Result<Login, Failure> {
    let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    if let Some(token) = given(&global.auth_jwt_token) {
        return Ok(Login::Token(token));
    }
    let Some(user) = given(&global.user) else { return Ok(Login::Nobody) };
    if let Some(password) = given(&global.password) {
        return Ok(Login::User(user, password));
    }
    match user.split_once(':') {
        Some((user, password)) => Ok(Login::User(user.to_owned(), password.to_owned())),
        None => {
            let asked = password::ask("Password: ", &mut std::io::stdout());
            let password = asked.map_err(Failure::error)?;
            Ok(Login::User(user, password))
        }
    }
}

fn flag(name: &str, value: &Option<String>, default: bool) -> Result<bool, Failure> {
    match value.as_deref() {
        None => Ok(default),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(text) => {
            let cause = format!("strconv.ParseBool: parsing \"{text}\": invalid syntax");
            Err(invalid(name, text, &cause))
        }
    }
}

fn time(name: &str, value: &Option<String>, default: &str) -> Result<Duration, Failure> {
    let text = value.as_deref().unwrap_or(default);
    duration::parse(text).map_err(|cause| invalid(name, text, &cause))
}

fn size(name: &str, value: &Option<String>, default: usize) -> Result<usize, Failure> {
    let text = value.as_deref().unwrap_or("0");
    let bytes = super::text::number::parse_int(text, 10);
    let bytes = bytes.map_err(|cause| invalid(name, text, &cause))?;
    let bytes = usize::try_from(bytes).unwrap_or(0);
    Ok(if bytes == 0 { default } else { bytes })
}

fn invalid(name: &str, text: &str, cause: &str) -> Failure {
    Failure::error(format!("invalid argument \"{text}\" for \"--{name}\" flag: {cause}"))
}

/// The environment of the process, without what is no text.
pub fn environment() -> Vec<(String, String)> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(global: Global, environment: &[(&str, &str)]) -> (Result<Settings, Failure>, String) {
        let environment: Vec<_> =
            environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let mut errors = Vec::new();
        let settings = Settings::read(global, &environment, &mut errors);
        (settings, String::from_utf8(errors).expect("warnings are text"))
    }

    #[test]
    fn a_variable_stands_for_a_flag_but_not_beside_it() {
        let (settings, _) = read(Global::default(), &[("ETCDCTL_ENDPOINTS", "a:1, b:2")]);
        assert_eq!(settings.expect("legal").endpoints, ["a:1", "b:2"]);
        let global = Global { command_timeout: Some("1s".to_owned()), ..Global::default() };
        let (settings, errors) = read(global, &[("ETCDCTL_COMMAND_TIMEOUT", "2s")]);
        assert_eq!(settings.map(|_| ()), Err(Failure::silent(1)));
        assert!(
            errors.contains("\"environment-variable\":\"ETCDCTL_COMMAND_TIMEOUT\""),
            "{errors}"
        );
        let (settings, errors) = read(Global::default(), &[("ETCDCTL_FOO", "1")]);
        assert!(settings.is_ok() && errors.contains("unrecognized"), "{errors}");
    }

    #[test]
    fn a_user_brings_a_password_in_one_flag_or_in_two_and_a_token_alone() {
        let login = |pairs: &[(&str, &str)]| read(Global::default(), pairs).0.map(|it| it.login);
        let user = Ok(Login::User("root".into(), "a:b".into()));
        assert_eq!(login(&[("ETCDCTL_USER", "root:a:b")]), user);
        assert_eq!(login(&[("ETCDCTL_USER", "root"), ("ETCDCTL_PASSWORD", "a:b")]), user);
        let token = Ok(Login::Token("t".into()));
        assert_eq!(login(&[("ETCDCTL_AUTH_JWT_TOKEN", "t"), ("ETCDCTL_USER", "u")]), token);
        assert_eq!(login(&[]), Ok(Login::Nobody));
    }

    #[test]
    fn what_is_not_there_yet_says_so() {
        let (settings, _) = read(Global::default(), &[("ETCDCTL_DISCOVERY_SRV", "a")]);
        let failure = settings.expect_err("discovery is not built");
        let text = "not supported yet: --discovery-srv";
        assert_eq!((failure.code, failure.text.as_str()), (1, text));
        let global = Global { cert: Some(String::new()), ..Global::default() };
        assert_eq!(read(global, &[]).0.expect_err("empty").code, 128);
    }
}
