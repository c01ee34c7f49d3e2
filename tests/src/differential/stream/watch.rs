//! Watches on a few streams of each client.

use bytes::Bytes;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::watch_request::RequestUnion;

use super::Stream;
use crate::differential::server::Flavour;
use crate::differential::step::{Action, Call, Step};

/// Watch streams of one client.
const STREAMS: u64 = 2;

/// Creations on a stream before it is closed.
const CREATIONS_MAX: u32 = 12;

impl Stream {
    pub(super) fn watch(&mut self) {
        if self.flavour == Flavour::Small && self.one_in(20) {
            return self.fragments();
        }
        let (client, stream) = (self.client(), self.prng.below(STREAMS) as usize);
        let count = self.watches.entry((client, stream)).or_default();
        *count += 1;
        if *count > CREATIONS_MAX {
            return self.close_stream(client, stream);
        }
        let request = self.generator.watch();
        // What a cancelled watcher was told before is compared; who has caught up is certain.
        self.queue.push_back(Step { client, action: Action::Settle });
        self.queue.push_back(Step { client, action: Action::watch(stream, &request) });
    }

    /// Large values, then a watcher whose first response is too large for one message.
    fn fragments(&mut self) {
        let value = Bytes::from(vec![b'f'; 19_500]);
        let key = Bytes::from_static(b"k/2");
        let put = pb::PutRequest { key: key.clone(), value, ..Default::default() };
        // Who has not caught up yet would be told of the puts in one response or in several, by
        // chance.
        self.push(Action::Settle);
        for _ in 0..32 {
            self.push(Call::new("/etcdserverpb.KV/Put", &put));
        }
        let create = pb::WatchCreateRequest {
            key,
            start_revision: self.revision + 1,
            prev_kv: true,
            fragment: !self.one_in(4),
            ..Default::default()
        };
        let request = pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        let client = self.client();
        self.queue.push_back(Step { client, action: Action::Settle });
        self.queue.push_back(Step { client, action: Action::watch(0, &request) });
        self.queue.push_back(Step { client, action: Action::Settle });
    }

    /// Closes a stream, mostly one that is open.
    pub(super) fn close(&mut self) {
        let (client, stream) = (self.client(), self.prng.below(STREAMS) as usize);
        self.close_stream(client, stream);
    }

    fn close_stream(&mut self, client: usize, stream: usize) {
        self.watches.remove(&(client, stream));
        self.queue.push_back(Step { client, action: Action::Settle });
        self.queue.push_back(Step { client, action: Action::Close(stream) });
    }
}
