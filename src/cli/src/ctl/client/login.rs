//! Who the client is: a user with a password, for which it gets a token, or a token as given.

use proto::etcdserverpb::AuthenticateRequest;
use proto::etcdserverpb::auth_client::AuthClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// Credentials from the command line.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Login {
    /// None.
    #[default]
    Nobody,
    /// A token.
    Token(String),
    /// A user and the password.
    User(String, String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}

/// Puts a token into each request.
#[derive(Clone, Debug, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("token", token.clone());
        }
        Ok(request)
    }
}

impl Login {
    /// Logs in over a connection. Where authentication is off there is nothing to log in to.
    pub async fn bearer(&self, channel: &Channel) -> Result<Bearer, Status> {
        let (name, password) = match self {
            Login::Nobody => return Ok(Bearer(None)),
            Login::Token(token) => return bearer(token),
            // As Go's client, which takes an empty one for none.
            Login::User(name, password) if name.is_empty() || password.is_empty() => {
                return Ok(Bearer(None));
            }
            Login::User(name, password) => (name.clone(), password.clone()),
        };
        let request = super::request(AuthenticateRequest { name, password });
        match AuthClient::new(channel.clone()).authenticate(request).await {
            Ok(answer) => bearer(&answer.into_inner().token),
            Err(status) if status.message() == "etcdserver: authentication is not enabled" => {
                Ok(Bearer(None))
            }
            Err(status) => Err(status),
        }
    }
}

fn bearer(token: &str) -> Result<Bearer, Status> {
    let value = token.parse().map_err(|_| Status::unauthenticated("the token is no plain text"))?;
    Ok(Bearer(Some(value)))
}
