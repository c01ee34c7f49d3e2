//! Users, roles and tokens, as an administrator and as a user has them.

use proto::authpb::Permission;
use proto::authpb::permission::Type;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::auth_client::AuthClient;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

/// The channel and the token of one user; without a token, of nobody.
#[derive(Clone)]
pub struct User {
    pub channel: Channel,
    pub token: Option<String>,
}

impl User {
    /// Nobody, at one member.
    pub async fn nobody(url: &str) -> User {
        let channel = super::channel(url).await.expect("the member serves");
        User { channel, token: None }
    }

    /// The same user at another member.
    pub async fn at(&self, url: &str) -> User {
        User { token: self.token.clone(), ..User::nobody(url).await }
    }

    /// Who the password says.
    pub async fn login(&self, name: &str, password: &str) -> Result<User, Status> {
        let request = pb::AuthenticateRequest { name: name.into(), password: password.into() };
        let answer = AuthClient::new(self.channel.clone()).authenticate(request).await?;
        Ok(self.with_token(&answer.into_inner().token))
    }

    pub fn with_token(&self, token: &str) -> User {
        User { channel: self.channel.clone(), token: Some(token.into()) }
    }

    /// A request with the token in its metadata.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            let token = token.parse().expect("tokens are plain text");
            request.metadata_mut().insert("token", token);
        }
        request
    }

    pub fn auth(&self) -> AuthClient<Channel> {
        AuthClient::new(self.channel.clone())
    }

    pub async fn add_user(&self, name: &str, password: &str) -> Result<(), Status> {
        let request = pb::AuthUserAddRequest {
            name: name.into(),
            password: password.into(),
            ..Default::default()
        };
        self.auth().user_add(self.request(request)).await.map(drop)
    }

    pub async fn grant_role(&self, user: &str, role: &str) -> Result<(), Status> {
        let request = pb::AuthUserGrantRoleRequest { user: user.into(), role: role.into() };
        self.auth().user_grant_role(self.request(request)).await.map(drop)
    }

    pub async fn add_role(&self, name: &str) -> Result<(), Status> {
        let request = pb::AuthRoleAddRequest { name: name.into() };
        self.auth().role_add(self.request(request)).await.map(drop)
    }

    pub async fn grant(&self, role: &str, kind: Type, key: &str, end: &str) -> Result<(), Status> {
        let (key, range_end) = (key.to_owned().into(), end.to_owned().into());
        let perm = Some(Permission { perm_type: kind as i32, key, range_end });
        let request = pb::AuthRoleGrantPermissionRequest { name: role.into(), perm };
        self.auth().role_grant_permission(self.request(request)).await.map(drop)
    }

    /// Switches authentication on, with a root whose password is `root`; gives root.
    pub async fn enable(&self) -> User {
        self.add_user("root", "root").await.expect("a new user");
        self.grant_role("root", "root").await.expect("root is a user");
        let enable = self.request(pb::AuthEnableRequest {});
        self.auth().auth_enable(enable).await.expect("root is root");
        self.login("root", "root").await.expect("the password is right")
    }
}

/// What a refusal says over the wire.
pub fn refusal<T>(result: Result<T, Status>) -> (Code, String) {
    let status = result.err().expect("it is refused");
    (status.code(), status.message().to_owned())
}

pub fn denied() -> (Code, String) {
    (Code::PermissionDenied, "etcdserver: permission denied".into())
}

pub fn nobody() -> (Code, String) {
    (Code::InvalidArgument, "etcdserver: user name is empty".into())
}
