//! The commands of the scripts.

use std::time::Duration;

use bytes::Bytes;
use raft::{Body, ConfState, Config, EntryKind, Index, MemberId, Message, RejectHint, Term};

use super::render;
use crate::cluster::{Cluster, codec, laid};

/// What a script has built up.
#[derive(Default)]
pub struct Stage {
    cluster: Option<Cluster>,
    /// Writes and applies wait for `persist` and `apply`.
    manual: bool,
}

/// The words of a command: plain ones in order, and `name=value` ones.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn plain(&self) -> impl Iterator<Item = &'a str> {
        self.0.iter().copied().filter(|word| !word.contains('='))
    }

    fn named(&self, name: &str) -> Option<&'a str> {
        let value = |word: &&'a str| word.strip_prefix(name)?.strip_prefix('=');
        self.0.iter().find_map(value)
    }

    fn number(&self, name: &str) -> u64 {
        self.named(name).map_or(0, |text| text.parse().expect("a number"))
    }

    fn flag(&self, name: &str) -> bool {
        self.0.contains(&name)
    }

    fn numbers(&self) -> Vec<u64> {
        self.plain().filter_map(|word| word.parse().ok()).collect()
    }
}

fn list(text: &str) -> Vec<u64> {
    text.split(',').filter(|one| !one.is_empty()).map(|one| one.parse().expect("ids")).collect()
}

impl Stage {
    /// Runs one command; gives what it prints.
    pub fn run(&mut self, command: &str) -> Vec<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let (verb, words) = (words[0], Words(words[1..].to_vec()));
        let ids = words.numbers();
        let id = ids.first().copied().unwrap_or(0);
        match verb {
            "cluster" => self.build(&words),
            "lay" => self.lay(id, &words),
            "start" => self.cluster().start_all(),
            "elect" => self.cluster().elect(id),
            "manual" => self.manual = true,
            "restart" => {
                let now = self.cluster().now;
                self.cluster().member(id).start(now);
            }
            "crash" => self.cluster().member(id).crash(),
            "join" => self.cluster().join(id),
            "cut" => self.cut(&ids),
            "heal" => self.cluster().cut.clear(),
            "checkpoint" => self.cluster().member(id).checkpoint(),
            "status" => return self.status(&ids),
            "configuration" => return self.configuration(id),
            "settle" => return self.settle(words.flag("quiet")),
            "deliver" => return self.deliver(&words, true),
            "drop" => return self.deliver(&words, false),
            "tick" => return self.tick(id),
            "timeout" => return self.time_out(id),
            "persist" => return self.persist(id, ids.get(1).copied().unwrap_or(1)),
            _ => return self.act(verb, id, &words),
        }
        Vec::new()
    }

    /// A command to one member, whose outputs are printed.
    fn act(&mut self, verb: &str, id: u64, words: &Words) -> Vec<String> {
        let other = words.numbers().get(1).copied().unwrap_or(0);
        let mut lines = Vec::new();
        let mut refused = |result: Result<(), String>| lines.extend(result.err());
        match verb {
            "campaign" => self.cluster().raft(id).campaign(),
            "propose" => refused(self.propose(id, words)),
            "change" => refused(self.change(id, words)),
            "read" => refused(self.read(id, words)),
            "transfer" => {
                let result = self.cluster().raft(id).transfer_leadership(MemberId(other));
                refused(result.map_err(|error| format!("refused: {error}")));
            }
            "forget" => self.inject(Body::ForgetLeader, words, id),
            "unreachable" => self.cluster().raft(id).report_unreachable(MemberId(other)),
            "report" => {
                let ok = words.flag("ok");
                self.cluster().raft(id).report_snapshot(MemberId(other), ok);
            }
            "release" => self.cluster().member(id).release(Index(other)),
            "snapshot" => {
                let message = self.cluster().snapshot(id, other);
                self.cluster().network.push(message);
            }
            "install" => {
                self.cluster().member(id).install();
            }
            "refuse" => {
                self.cluster().member(id).install = None;
                self.cluster().raft(id).snapshot_refused();
            }
            "apply" => while self.cluster().member(id).apply_one() {},
            "fetch" => {
                let available = !words.flag("gone");
                self.cluster().member(id).answer_fetch(available);
            }
            "hear" => self.hear(id, words),
            "output" => {}
            other => panic!("unknown command {other}"),
        }
        lines.extend(self.outputs(id));
        lines
    }

    fn cluster(&mut self) -> &mut Cluster {
        self.cluster.as_mut().expect("`cluster` comes first")
    }

    fn build(&mut self, words: &Words) {
        let members = |name: &str| {
            let ids = words.named(name).map(list).unwrap_or_default();
            ids.into_iter().map(MemberId).collect()
        };
        let state = ConfState {
            voters: members("voters"),
            learners: members("learners"),
            ..ConfState::default()
        };
        let tune = |config: &mut Config| {
            config.pre_vote = words.flag("prevote");
            config.check_quorum = words.flag("checkquorum");
            let set = |name: &str, field: &mut usize| {
                if words.named(name).is_some() {
                    *field = words.number(name) as usize;
                }
            };
            set("entries_max", &mut config.append_entries_max);
            set("bytes_max", &mut config.append_bytes_max);
            set("inflight_max", &mut config.inflight_max);
            set("uncommitted_max", &mut config.uncommitted_bytes_max);
            set("cache_max", &mut config.cache_bytes_max);
            set("committed_max", &mut config.committed_bytes_max);
        };
        self.manual = words.flag("manual");
        let mut cluster = Cluster::new(&state, tune);
        if !words.flag("stopped") {
            cluster.start_all();
        }
        self.cluster = Some(cluster);
    }

    fn lay(&mut self, id: u64, words: &Words) {
        let terms = words.named("terms").map(list).unwrap_or_default();
        let (term, vote, commit) =
            (words.number("term"), words.number("vote"), words.number("commit"));
        let term = term.max(terms.last().copied().unwrap_or(0));
        self.cluster().lay(id, &terms, term, vote, commit);
        if let Some(voters) = words.named("voters") {
            let voters = list(voters).into_iter().map(MemberId).collect();
            self.cluster().member(id).disk.applied.1.voters = voters;
        }
        if words.named("suspect").is_some() {
            self.cluster().member(id).disk.suspect = Some(Index(words.number("suspect")));
        }
    }

    /// Cuts every listed member off from all that are not listed.
    fn cut(&mut self, ids: &[u64]) {
        let cluster = self.cluster();
        let all: Vec<MemberId> = cluster.members.keys().copied().collect();
        for &id in &all {
            for &other in &all {
                if ids.contains(&id.get()) && !ids.contains(&other.get()) {
                    cluster.cut.push((id, other));
                }
            }
        }
    }

    fn status(&mut self, ids: &[u64]) -> Vec<String> {
        let all: Vec<u64> = self.cluster().members.keys().map(|id| id.get()).collect();
        let ids = if ids.is_empty() { all } else { ids.to_vec() };
        let mut lines = Vec::new();
        for id in ids {
            match &self.cluster().member(id).raft {
                Some(raft) => lines.extend(render::status(&raft.status())),
                None => lines.push(format!("{id} is down")),
            }
        }
        lines
    }

    fn configuration(&mut self, id: u64) -> Vec<String> {
        vec![render::configuration(&self.cluster().raft(id).status().conf_state)]
    }

    /// What a member wants done now; disk and applier follow at once unless they are manual.
    fn outputs(&mut self, id: u64) -> Vec<String> {
        let (id, manual) = (MemberId(id), self.manual);
        let cluster = self.cluster();
        let mut outputs = Vec::new();
        if manual {
            while let Some(output) = cluster.output(id) {
                outputs.push(output);
            }
        } else {
            outputs = cluster.run(id);
        }
        outputs.iter().flat_map(|output| render::output(id, output)).collect()
    }

    fn settle(&mut self, quiet: bool) -> Vec<String> {
        let log = self.cluster().settle();
        let lines = log.iter().flat_map(|(id, output)| render::output(*id, output));
        if quiet { Vec::new() } else { lines.collect() }
    }

    /// Delivers, or loses, the waiting messages that match: `to=1`, `from=2`, a name, `copy` to
    /// keep them for a second delivery.
    fn deliver(&mut self, words: &Words, arrive: bool) -> Vec<String> {
        let names: Vec<&str> = words.plain().filter(|&word| word != "copy").collect();
        let matches = |message: &Message| {
            let name = render::message(message);
            let named =
                names.is_empty() || names.iter().any(|one| name.split(' ').nth(1) == Some(one));
            let to = words.named("to").is_none() || words.number("to") == message.to.get();
            let from = words.named("from").is_none() || words.number("from") == message.from.get();
            named && to && from
        };
        let waiting = std::mem::take(&mut self.cluster().network);
        let (chosen, kept): (Vec<_>, Vec<_>) = waiting.into_iter().partition(matches);
        self.cluster().network = kept;
        if chosen.is_empty() {
            return vec!["nothing to deliver".to_string()];
        }
        if words.flag("copy") {
            self.cluster().network.extend(chosen.iter().cloned());
        }
        let mut lines = Vec::new();
        for message in chosen.into_iter().filter(|_| arrive) {
            let to = message.to.get();
            self.cluster().deliver(message);
            if self.cluster().member(to).raft.is_some() {
                lines.extend(self.outputs(to));
            }
        }
        lines
    }

    fn tick(&mut self, millis: u64) -> Vec<String> {
        self.cluster().advance(Duration::from_millis(millis));
        let ids: Vec<u64> = self.cluster().members.keys().map(|id| id.get()).collect();
        let running = |stage: &mut Stage, id| stage.cluster().member(id).raft.is_some();
        let mut lines = Vec::new();
        for id in ids {
            if running(self, id) {
                lines.extend(self.outputs(id));
            }
        }
        lines
    }

    /// Moves one member's clock to its deadline; the others' follow with the next message.
    fn time_out(&mut self, id: u64) -> Vec<String> {
        let deadline = self.cluster().raft(id).deadline();
        let cluster = self.cluster();
        cluster.now = cluster.now.max(deadline);
        cluster.raft(id).tick(deadline);
        self.outputs(id)
    }

    fn persist(&mut self, id: u64, writes: u64) -> Vec<String> {
        for _ in 0..writes {
            if !self.cluster().member(id).persist_one() {
                return vec!["nothing to write".to_string()];
            }
        }
        self.outputs(id)
    }

    fn propose(&mut self, id: u64, words: &Words) -> Result<(), String> {
        let words = words.plain().skip(1);
        let payload = |word: &str| match word.strip_prefix("bytes:") {
            Some(count) => Bytes::from(vec![b'.'; count.parse().expect("a count")]),
            None => Bytes::copy_from_slice(word.as_bytes()),
        };
        let result = self.cluster().raft(id).propose(words.map(payload).collect());
        result.map(|_| ()).map_err(|error| format!("refused: {error}"))
    }

    fn change(&mut self, id: u64, words: &Words) -> Result<(), String> {
        let text: Vec<&str> = words.plain().skip(1).collect();
        let text = text.join(" ");
        let change = codec::decode(EntryKind::ConfChangeV2, text.as_bytes()).expect("a change");
        let data = codec::encode(&change);
        let raft = self.cluster().raft(id);
        let result = raft.propose_configuration(EntryKind::ConfChangeV2, data, &change);
        result.map(|_| ()).map_err(|error| format!("refused: {error}"))
    }

    fn read(&mut self, id: u64, words: &Words) -> Result<(), String> {
        let context = words.plain().nth(1).expect("a context");
        let result = self.cluster().raft(id).read_index(Bytes::copy_from_slice(context.as_bytes()));
        result.map_err(|error| format!("refused: {error}"))
    }

    fn inject(&mut self, body: Body, words: &Words, to: u64) {
        let from = MemberId(words.number("from").max(100));
        let term = self.cluster().raft(to).status().term;
        let message = Message { from, to: MemberId(to), term, body };
        self.cluster().deliver(message);
    }

    /// A message that no member sent.
    fn hear(&mut self, to: u64, words: &Words) {
        let (index, term) = (Index(words.number("index")), Term(words.number("log_term")));
        let (commit, granted) = (Index(words.number("commit")), !words.flag("refused"));
        let body = match words.plain().nth(1).expect("a message name") {
            "Append" => Body::Append {
                prev_index: index,
                prev_term: term,
                entries: laid(index, &words.named("terms").map(list).unwrap_or_default()),
                commit,
            },
            "AppendReply" => Body::AppendReply { index, reject: None },
            "AppendRefusal" => {
                let hint_index = Index(words.number("hint"));
                let hint = RejectHint { hint_index, hint_term: term };
                Body::AppendReply { index, reject: Some(hint) }
            }
            "Vote" => Body::Vote { last_index: index, last_term: term, force: words.flag("force") },
            "PreVote" => Body::PreVote { last_index: index, last_term: term },
            "VoteReply" => Body::VoteReply { granted },
            "PreVoteReply" => Body::PreVoteReply { granted },
            "Heartbeat" => Body::Heartbeat { commit, context: Bytes::new() },
            "HeartbeatReply" => {
                let read = words.named("read").map(|_| words.number("read").to_le_bytes());
                let context = read.map(|bytes| Bytes::copy_from_slice(&bytes));
                Body::HeartbeatReply { context: context.unwrap_or_default() }
            }
            "TimeoutNow" => Body::TimeoutNow,
            other => panic!("unknown message {other}"),
        };
        let (from, term) = (MemberId(words.number("from")), Term(words.number("term")));
        self.cluster().deliver(Message { from, to: MemberId(to), term, body });
    }
}
