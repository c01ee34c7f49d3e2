import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Election;
import io.etcd.jetcd.KV;
import io.etcd.jetcd.Lease;
import io.etcd.jetcd.Lock;
import io.etcd.jetcd.election.CampaignResponse;
import io.etcd.jetcd.election.LeaderResponse;
import io.etcd.jetcd.lease.LeaseKeepAliveResponse;
import io.etcd.jetcd.lease.LeaseTimeToLiveResponse;
import io.etcd.jetcd.options.LeaseOption;
import io.etcd.jetcd.options.PutOption;
import io.etcd.jetcd.support.CloseableClient;
import io.etcd.jetcd.support.Observers;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Leases, and what is built on them. */
final class Leases {
    static void lease(Cluster cluster) throws Exception {
        Lease leases = cluster.client().getLeaseClient();
        KV kv = cluster.client().getKVClient();
        long id = Cluster.answer(leases.grant(2)).getID();
        ByteSequence key = Cluster.bytes("lease/a");
        Cluster.answer(kv.put(key, key, PutOption.builder().withLeaseId(id).build()));
        BlockingQueue<LeaseKeepAliveResponse> kept = new LinkedBlockingQueue<>();
        try (CloseableClient alive = leases.keepAlive(id, Observers.observer(kept::add))) {
            for (int times = 0; times < 3; times++) {
                LeaseKeepAliveResponse answer =
                    kept.poll(Cluster.PATIENCE_SECONDS, TimeUnit.SECONDS);
                Cluster.that(answer != null && answer.getTTL() == 2, "kept alive");
            }
        }
        Cluster.same(2L, Cluster.answer(leases.keepAliveOnce(id)).getTTL());
        LeaseTimeToLiveResponse left = Cluster.answer(
            leases.timeToLive(id, LeaseOption.builder().withAttachedKeys().build()));
        Cluster.same(2L, left.getGrantedTTL());
        Cluster.same(key, left.getKeys().get(0));
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Cluster.PATIENCE_SECONDS);
        while (Cluster.answer(kv.get(key)).getCount() > 0) {
            Cluster.that(System.nanoTime() < deadline, "it does not expire");
            Thread.sleep(100);
        }
        Cluster.refused("requested lease not found", leases.revoke(id));
        long other = Cluster.answer(leases.grant(60)).getID();
        Cluster.answer(leases.revoke(other));
    }

    static void lock(Cluster cluster) throws Exception {
        Lease leases = cluster.client().getLeaseClient();
        Lock lock = cluster.client().getLockClient();
        ByteSequence name = Cluster.bytes("lock/a");
        long first = Cluster.answer(leases.grant(30)).getID();
        long second = Cluster.answer(leases.grant(30)).getID();
        ByteSequence held = Cluster.answer(lock.lock(name, first)).getKey();
        Cluster.same("lock/a/" + Long.toHexString(first), held.toString());
        CompletableFuture<?> waiting = lock.lock(name, second);
        Thread.sleep(500);
        Cluster.that(!waiting.isDone(), "two hold the lock");
        Cluster.answer(lock.unlock(held));
        Cluster.answer(waiting);
        Cluster.answer(leases.revoke(second));
        Cluster.answer(leases.revoke(first));
    }

    static void election(Cluster cluster) throws Exception {
        Election election = cluster.client().getElectionClient();
        long id = Cluster.answer(cluster.client().getLeaseClient().grant(30)).getID();
        ByteSequence name = Cluster.bytes("election/a");
        Cluster.refused("NoLeaderException", election.leader(name));
        BlockingQueue<String> seen = new LinkedBlockingQueue<>();
        election.observe(name, new Election.Listener() {
            @Override
            public void onNext(LeaderResponse answer) {
                seen.add(answer.getKv().getValue().toString());
            }

            @Override
            public void onError(Throwable failure) {
                seen.add(failure.toString());
            }

            @Override
            public void onCompleted() {
                seen.add("end");
            }
        });
        CampaignResponse won = Cluster.answer(election.campaign(name, id, Cluster.bytes("one")));
        Cluster.same(id, won.getLeader().getLease());
        Cluster.same("one", seen.poll(Cluster.PATIENCE_SECONDS, TimeUnit.SECONDS));
        Cluster.answer(election.proclaim(won.getLeader(), Cluster.bytes("uno")));
        Cluster.same("uno", seen.poll(Cluster.PATIENCE_SECONDS, TimeUnit.SECONDS));
        LeaderResponse leader = Cluster.answer(election.leader(name));
        Cluster.same("uno", leader.getKv().getValue().toString());
        Cluster.answer(election.resign(won.getLeader()));
        Cluster.refused("NoLeaderException", election.leader(name));
        Cluster.answer(cluster.client().getLeaseClient().revoke(id));
    }
}
