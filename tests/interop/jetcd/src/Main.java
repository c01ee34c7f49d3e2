import io.etcd.jetcd.Client;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Uses a cluster through jetcd and checks each answer.
 *
 * <p>{@code Main [--skip CHAPTER]... ENDPOINT...} prints a line for each chapter and ends with
 * code 1 at the first answer that is not etcd's.
 */
public final class Main {
    /** Checks one part of the client; keys lie under its own prefix. */
    interface Chapter {
        void run(Cluster cluster) throws Exception;
    }

    private static Map<String, Chapter> chapters() {
        Map<String, Chapter> chapters = new LinkedHashMap<>();
        chapters.put("kv", Data::kv);
        chapters.put("txn", Data::txn);
        chapters.put("compaction", Data::compaction);
        chapters.put("watch", Watches::watch);
        chapters.put("lease", Leases::lease);
        chapters.put("lock", Leases::lock);
        chapters.put("election", Leases::election);
        chapters.put("members", Operations::members);
        chapters.put("maintenance", Operations::maintenance);
        chapters.put("auth", Operations::auth);
        return chapters;
    }

    public static void main(String[] args) throws Exception {
        Map<String, Chapter> chapters = chapters();
        List<String> endpoints = new ArrayList<>();
        for (int at = 0; at < args.length; at++) {
            if (!args[at].equals("--skip")) {
                endpoints.add(args[at]);
            } else if (chapters.remove(args[++at]) == null) {
                System.err.println("no chapter " + args[at]);
                System.exit(2);
            }
        }
        int code = 0;
        try (Client client = Client.builder().endpoints(endpoints.toArray(String[]::new)).build()) {
            Cluster cluster = new Cluster(client, endpoints);
            for (Map.Entry<String, Chapter> chapter : chapters.entrySet()) {
                long began = System.nanoTime();
                chapter.getValue().run(cluster);
                long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
                System.out.println(chapter.getKey() + ": " + millis + " ms");
            }
            System.out.println(chapters.size() + " chapters on " + endpoints.size() + " endpoints");
        } catch (Throwable failure) {
            failure.printStackTrace();
            code = 1;
        }
        System.exit(code);
    }
}
