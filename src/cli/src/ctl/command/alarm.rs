//! `alarm list` and `alarm disarm`.

use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::{AlarmRequest, AlarmResponse};

use super::Context;
use crate::ctl::args::Alarm;
use crate::ctl::client::{Effect, request};
use crate::ctl::display::Alarms;
use crate::ctl::failure::Failure;

/// Runs an alarm command.
pub async fn run(context: &mut Context<'_>, args: &Alarm) -> Result<(), Failure> {
    let (arguments, name) = match args {
        Alarm::List(args) => (&args.arguments, "list"),
        Alarm::Disarm(args) => (&args.arguments, "disarm"),
    };
    if !arguments.is_empty() {
        let text = format!("alarm {name} command accepts no arguments");
        return Err(Failure::bad_arguments(text));
    }
    let listed = ask(context, AlarmRequest::default(), Effect::Read).await?;
    if matches!(args, Alarm::List(_)) {
        return context.print(&Alarms(listed));
    }
    // An alarm is lowered by its member and type only, so each is named.
    let mut lowered = AlarmResponse::default();
    for member in listed.alarms {
        let action = AlarmAction::Deactivate as i32;
        let alarm = AlarmRequest { action, member_id: member.member_id, alarm: member.alarm };
        lowered.alarms.extend(ask(context, alarm, Effect::Write).await?.alarms);
    }
    context.print(&Alarms(lowered))
}

async fn ask(
    context: &Context<'_>,
    alarm: AlarmRequest,
    effect: Effect,
) -> Result<AlarmResponse, Failure> {
    let client = context.client();
    let call = |channel| async move { client.maintenance(channel).alarm(request(alarm)).await };
    client.call(effect, call).await
}
