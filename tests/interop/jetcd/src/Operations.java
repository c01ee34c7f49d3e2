import io.etcd.jetcd.Auth;
import io.etcd.jetcd.ByteSequence;
import io.etcd.jetcd.Client;
import io.etcd.jetcd.Maintenance;
import io.etcd.jetcd.auth.AuthRoleGetResponse;
import io.etcd.jetcd.auth.Permission;
import io.etcd.jetcd.maintenance.StatusResponse;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.util.List;

/** What operators do. */
final class Operations {
    static void members(Cluster cluster) throws Exception {
        io.etcd.jetcd.Cluster members = cluster.client().getClusterClient();
        int count = cluster.endpoints().size();
        Cluster.same(count, Cluster.answer(members.listMember()).getMembers().size());
        List<URI> urls = List.of(URI.create("http://127.0.0.1:1"));
        long id = Cluster.answer(members.addMember(urls, true)).getMember().getId();
        listed(members, count + 1);
        Cluster.answer(members.removeMember(id));
        listed(members, count);
        Cluster.refused("member not found", members.removeMember(id));
    }

    /** jetcd asks any member for what that one knows, which may be a moment behind. */
    private static void listed(io.etcd.jetcd.Cluster members, int count) throws Exception {
        int found = -1;
        for (int attempt = 0; attempt < 200 && found != count; attempt++) {
            Thread.sleep(attempt == 0 ? 0 : 50);
            found = Cluster.answer(members.listMember()).getMembers().size();
        }
        Cluster.same(count, found);
    }

    static void maintenance(Cluster cluster) throws Exception {
        Maintenance maintenance = cluster.client().getMaintenanceClient();
        for (String endpoint : cluster.endpoints()) {
            StatusResponse status = Cluster.answer(maintenance.statusMember(endpoint));
            Cluster.that(status.getVersion().startsWith("3."), status.getVersion());
            Cluster.that(status.getLeader() != 0, "no leader");
            Cluster.answer(maintenance.hashKV(endpoint, 0));
            Cluster.answer(maintenance.defragmentMember(endpoint));
        }
        Cluster.same(List.of(), Cluster.answer(maintenance.listAlarms()).getAlarms());
        ByteArrayOutputStream snapshot = new ByteArrayOutputStream();
        Cluster.answer(maintenance.snapshot(snapshot));
        // Pages, and the checksum behind them.
        Cluster.same(32, snapshot.size() % 512);
    }

    static void auth(Cluster cluster) throws Exception {
        Auth auth = cluster.client().getAuthClient();
        ByteSequence root = Cluster.bytes("root");
        ByteSequence alice = Cluster.bytes("alice");
        ByteSequence secret = Cluster.bytes("secret");
        ByteSequence reader = Cluster.bytes("reader");
        Cluster.answer(auth.roleAdd(root));
        Cluster.answer(auth.userAdd(root, secret));
        Cluster.answer(auth.userGrantRole(root, root));
        Cluster.answer(auth.roleAdd(reader));
        Cluster.answer(auth.roleGrantPermission(reader, Cluster.bytes("auth/"),
            Cluster.bytes("auth0"), Permission.Type.READ));
        Cluster.answer(auth.userAdd(alice, secret));
        Cluster.answer(auth.userGrantRole(alice, reader));
        AuthRoleGetResponse told = Cluster.answer(auth.roleGet(reader));
        Cluster.same(Permission.Type.READ, told.getPermissions().get(0).getPermType());
        Cluster.same(List.of("reader"), Cluster.answer(auth.userGet(alice)).getRoles());
        Cluster.refused("user name already exists", auth.userAdd(alice, secret));
        Cluster.answer(auth.authEnable());
        try (Client user = as(cluster, alice, secret); Client admin = as(cluster, root, secret)) {
            ByteSequence key = Cluster.bytes("auth/a");
            Cluster.answer(admin.getKVClient().put(key, key));
            Cluster.same(1L, Cluster.answer(user.getKVClient().get(key)).getCount());
            Cluster.refused("permission denied", user.getKVClient().put(key, key));
            Cluster.refused("permission denied", user.getAuthClient().userAdd(reader, secret));
            Cluster.refused("user name is empty", cluster.client().getKVClient().get(key));
            Cluster.answer(admin.getAuthClient().authDisable());
        }
        Cluster.same(2, Cluster.answer(auth.userList()).getUsers().size());
        Cluster.same(2, Cluster.answer(auth.roleList()).getRoles().size());
        Cluster.answer(auth.userRevokeRole(alice, reader));
        Cluster.answer(auth.userDelete(alice));
        Cluster.answer(auth.userDelete(root));
        Cluster.answer(auth.roleDelete(reader));
        Cluster.answer(auth.roleDelete(root));
    }

    private static Client as(Cluster cluster, ByteSequence user, ByteSequence password) {
        String[] endpoints = cluster.endpoints().toArray(String[]::new);
        return Client.builder().endpoints(endpoints).user(user).password(password).build();
    }
}
