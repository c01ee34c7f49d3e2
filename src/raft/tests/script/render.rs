//! Outputs as lines of a transcript: short, complete, and the same on every machine.

use raft::{Body, Entry, EntryKind, Message, Output, ProgressState, Role, Status};

/// One line for each thing a member wants done.
pub fn output(id: raft::MemberId, output: &Output) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(change) = &output.role {
        let leader = change.leader.map_or("none".to_string(), |leader| leader.to_string());
        lines.push(format!("{id} is {} of {}, leader {leader}", role(change.role), change.term));
    }
    if let Some(append) = &output.append {
        let sync = if append.must_sync { "" } else { " (no sync)" };
        let entries = entries(&append.entries);
        let sequence = append.token.sequence;
        lines.push(format!("{id} writes #{sequence} {:?}{entries}{sync}", append.hard_state));
    }
    if let Some(commit) = &output.commit {
        let how = if commit.counted { "counting" } else { "told" };
        lines.push(format!("{id} commit {} ({how})", commit.index));
    }
    if !output.committed.is_empty() {
        lines.push(format!("{id} applies{}", entries(&output.committed)));
    }
    for read in &output.reads {
        lines.push(format!("{id} read {} at {}", text(&read.context), read.index));
    }
    for context in &output.reads_dropped {
        lines.push(format!("{id} read {} dropped", text(context)));
    }
    if let Some((meta, _)) = &output.install {
        lines.push(format!("{id} installs snapshot {}@{}", meta.index, meta.term));
    }
    for fetch in &output.fetches {
        lines.push(format!("{id} fetches {}..={} for {}", fetch.first, fetch.last, fetch.to));
    }
    for to in &output.snapshots {
        lines.push(format!("{id} wants a snapshot sent to {to}"));
    }
    lines.extend(output.messages.iter().map(message));
    lines
}

/// A role's name.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
    }
}

/// A message on one line.
pub fn message(message: &Message) -> String {
    let (from, to, term) = (message.from, message.to, message.term);
    let body = body(&message.body);
    format!("{from}->{to} {body} term={term}")
}

fn body(body: &Body) -> String {
    match body {
        Body::Append { prev_index, prev_term, entries: list, commit } => {
            format!("Append prev={prev_index}@{prev_term} commit={commit}{}", entries(list))
        }
        Body::AppendReply { index, reject: None } => format!("AppendReply index={index}"),
        Body::AppendReply { index, reject: Some(hint) } => {
            let (hint_index, hint_term) = (hint.hint_index, hint.hint_term);
            format!("AppendReply rejects={index} hint={hint_index}@{hint_term}")
        }
        Body::Vote { last_index, last_term, force } => {
            let force = if *force { " force" } else { "" };
            format!("Vote last={last_index}@{last_term}{force}")
        }
        Body::VoteReply { granted } => format!("VoteReply granted={granted}"),
        Body::PreVote { last_index, last_term } => format!("PreVote last={last_index}@{last_term}"),
        Body::PreVoteReply { granted } => format!("PreVoteReply granted={granted}"),
        Body::Heartbeat { commit, context } => {
            format!("Heartbeat commit={commit}{}", number(context))
        }
        Body::HeartbeatReply { context } => format!("HeartbeatReply{}", number(context)),
        Body::Snapshot { meta, .. } => format!("Snapshot {}@{}", meta.index, meta.term),
        Body::Propose { entries } => {
            let list: Vec<String> = entries.iter().map(|(_, data)| text(data)).collect();
            format!("Propose {}", list.join(" "))
        }
        Body::ReadIndex { context } => format!("ReadIndex {}", text(context)),
        Body::ReadIndexReply { index, context } => {
            format!("ReadIndexReply {} index={index}", text(context))
        }
        Body::TransferLeader { transferee } => format!("TransferLeader {transferee}"),
        Body::TimeoutNow => "TimeoutNow".to_string(),
        Body::ForgetLeader => "ForgetLeader".to_string(),
    }
}

fn number(context: &[u8]) -> String {
    match <[u8; 8]>::try_from(context) {
        Ok(bytes) => format!(" read={}", u64::from_le_bytes(bytes)),
        Err(_) => String::new(),
    }
}

/// Entries in brackets, nothing for none.
pub fn entries(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    let one = |entry: &Entry| {
        let mark = if entry.kind == EntryKind::Normal { "" } else { "!" };
        format!("{}@{}{mark}{}", entry.index, entry.term, quoted(&entry.data))
    };
    let list: Vec<String> = entries.iter().map(one).collect();
    format!(" [{}]", list.join(" "))
}

fn quoted(data: &[u8]) -> String {
    if data.is_empty() { String::new() } else { format!("'{}'", text(data)) }
}

fn text(data: &[u8]) -> String {
    if data.len() > 24 {
        return format!("{} bytes", data.len());
    }
    String::from_utf8_lossy(data).into_owned()
}

/// A member's status, with one further line a follower on a leader.
pub fn status(status: &Status) -> Vec<String> {
    let leader = status.leader.map_or("none".to_string(), |leader| leader.to_string());
    let mut lines = vec![format!(
        "{} {} term={} vote={} leader={leader} commit={} applied={} stable={} last={}@{}{}",
        status.id,
        role(status.role),
        status.term,
        status.vote,
        status.commit,
        status.applied,
        status.stable,
        status.last,
        status.last_term,
        if status.suspect { " suspect" } else { "" },
    )];
    for peer in &status.progress {
        let state = match peer.state {
            ProgressState::Probe => "probe",
            ProgressState::Replicate => "replicate",
            ProgressState::Snapshot => "snapshot",
        };
        let flag = |on: bool, name: &str| if on { format!(" {name}") } else { String::new() };
        lines.push(format!(
            "  {} {state} match={} next={}{}{}{}",
            peer.id,
            peer.matched,
            peer.next,
            flag(peer.learner, "learner"),
            flag(peer.paused, "paused"),
            flag(!peer.recent_active, "inactive"),
        ));
    }
    lines
}

/// A configuration in one line.
pub fn configuration(state: &raft::ConfState) -> String {
    let ids = |ids: &[raft::MemberId]| {
        let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
        list.join(" ")
    };
    let mut line = format!("voters ({})", ids(&state.voters));
    let mut add = |name: &str, list: &[raft::MemberId]| {
        if !list.is_empty() {
            line.push_str(&format!(" {name} ({})", ids(list)));
        }
    };
    add("outgoing", &state.voters_outgoing);
    add("learners", &state.learners);
    add("staged", &state.learners_next);
    if state.auto_leave {
        line.push_str(" auto-leave");
    }
    line
}
