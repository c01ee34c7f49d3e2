//! Users of a member that has none.

use proto::etcdserverpb as pb;
use proto::etcdserverpb::auth_client::AuthClient;
use tonic::Status;
use tonic::transport::Channel;

/// Makes root the only user and switches authentication on; gives root's token.
///
/// # Errors
/// Those of the member: there are users, or authentication is on.
pub async fn root_alone(channel: &Channel) -> Result<String, Status> {
    let mut auth = AuthClient::new(channel.clone());
    let root = || "root".to_owned();
    let user = pb::AuthUserAddRequest { name: root(), password: root(), ..Default::default() };
    auth.user_add(user).await?;
    let grant = pb::AuthUserGrantRoleRequest { user: root(), role: root() };
    auth.user_grant_role(grant).await?;
    auth.auth_enable(pb::AuthEnableRequest {}).await?;
    let login = pb::AuthenticateRequest { name: root(), password: root() };
    Ok(auth.authenticate(login).await?.into_inner().token)
}
