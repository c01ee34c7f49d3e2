//! `downgrade validate`, `enable` and `cancel`.

use proto::etcdserverpb::DowngradeRequest;
use proto::etcdserverpb::downgrade_request::DowngradeAction;

use super::{Context, text};
use crate::ctl::args::{Arguments, Downgrade};
use crate::ctl::client::{Effect, request};
use crate::ctl::display::Downgraded;
use crate::ctl::failure::Failure;

/// Asks for, begins or ends a downgrade of the cluster.
pub async fn run(context: &mut Context<'_>, args: &Downgrade) -> Result<(), Failure> {
    let (action, what, version) = match args {
        Downgrade::Validate(args) => (DowngradeAction::Validate, "validate", target(args)?),
        Downgrade::Enable(args) => (DowngradeAction::Enable, "enable", target(args)?),
        Downgrade::Cancel(_) => (DowngradeAction::Cancel, "cancel", String::new()),
    };
    let effect = match action {
        DowngradeAction::Validate => Effect::Read,
        DowngradeAction::Enable | DowngradeAction::Cancel => Effect::Write,
    };
    let client = context.client();
    let call = |channel| {
        let asked = DowngradeRequest { action: action.into(), version: version.clone() };
        async move { client.maintenance(channel).downgrade(request(asked)).await }
    };
    let answer = client.call(effect, call).await?;
    context.print(&Downgraded { what, answer })
}

fn target(args: &Arguments) -> Result<String, Failure> {
    match args.arguments.as_slice() {
        [] => Err(Failure::bad_arguments("TARGET_VERSION not provided")),
        [version] if version.is_empty() => {
            Err(Failure::bad_arguments("target version not provided"))
        }
        [version] => Ok(text(version)),
        _ => Err(Failure::bad_arguments("too many arguments")),
    }
}
