// What a program that runs on etcd does with Node's client; each chapter has its own prefix.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Etcd3, EtcdLockFailedError } from 'etcd3';

async function kv({ client }) {
  await client.put('kv/a').value('1');
  await client.put('kv/b').value(2);
  await client.put('kv/c').value(Buffer.from([0, 255]));
  assert.equal(await client.get('kv/a'), '1');
  assert.equal(await client.get('kv/b').number(), 2);
  assert.deepEqual(await client.get('kv/c').buffer(), Buffer.from([0, 255]));
  assert.equal(await client.get('kv/none'), null);
  const all = () => client.getAll().prefix('kv/');
  assert.deepEqual(await all().keys(), ['kv/a', 'kv/b', 'kv/c']);
  assert.deepEqual(await all().sort('Key', 'Descend').limit(2).keys(), ['kv/c', 'kv/b']);
  assert.deepEqual(await all().sort('Mod', 'Ascend').keys(), ['kv/a', 'kv/b', 'kv/c']);
  assert.equal(await all().count(), 3);
  const first = await client.get('kv/a').exec();
  await client.put('kv/a').value('11');
  assert.equal(await client.get('kv/a').revision(first.kvs[0].mod_revision), '1');
  const before = await client.put('kv/a').value('111').getPrevious();
  assert.equal(before.value.toString(), '11');
  const gone = await client.delete().key('kv/b').getPrevious();
  assert.equal(gone[0].value.toString(), '2');
  assert.equal((await client.delete().prefix('kv/')).deleted, '2');
  assert.equal((await client.delete().key('kv/b')).deleted, '0');
}

async function txn({ client }) {
  await client.put('txn/a').value('1');
  const bump = () =>
    client
      .if('txn/a', 'Value', '==', '1')
      .and('txn/none', 'Create', '==', 0)
      .then(client.put('txn/a').value('2'), client.get('txn/a'))
      .else(client.get('txn/a'))
      .commit();
  const done = await bump();
  assert.equal(done.succeeded, true);
  assert.equal(done.responses[1].response_range.kvs[0].value.toString(), '2');
  const refused = await bump();
  assert.equal(refused.succeeded, false);
  assert.equal(refused.responses.length, 1);
  await assert.rejects(
    client.if('txn/a', 'Version', '>', 0)
      .then(client.put('txn/a').value('x'), client.put('txn/a').value('y'))
      .commit(),
    /duplicate key given in txn request/,
  );
}

async function watch({ client }) {
  const put = await client.put('watch/a').value('0');
  const watcher = await client.watch().prefix('watch/').withPreviousKV().create();
  const told = once(watcher, 'put');
  await client.put('watch/a').value('1');
  const [now, before] = await told;
  assert.equal(now.value.toString(), '1');
  assert.equal(before.value.toString(), '0');
  const gone = once(watcher, 'delete');
  await client.delete().key('watch/a');
  assert.equal((await gone)[0].key.toString(), 'watch/a');
  await watcher.cancel();
  const past = await client.watch().key('watch/a').startRevision(put.header.revision).create();
  const types = [];
  past.on('data', answer => types.push(...answer.events.map(event => event.type)));
  while (types.length < 3) await once(past, 'data');
  assert.deepEqual(types, ['Put', 'Put', 'Delete']);
  await past.cancel();
}

async function lease({ client }) {
  const kept = client.lease(30);
  await kept.put('lease/a').value('1');
  const id = await kept.grant();
  assert.equal((await client.get('lease/a').exec()).kvs[0].lease, id);
  await kept.keepaliveOnce();
  const info = await client.leaseClient.leaseTimeToLive({ ID: id, keys: true });
  assert.equal(info.grantedTTL, '30');
  assert.deepEqual(info.keys.map(String), ['lease/a']);
  await kept.revoke();
  assert.equal(await client.get('lease/a'), null);
  const short = client.lease(1, { autoKeepAlive: false });
  await short.put('lease/b').value('1');
  const watcher = await client.watch().key('lease/b').create();
  await once(watcher, 'delete');
  await watcher.cancel();
}

async function lock({ client }) {
  const held = await client.lock('lock/a').ttl(10).acquire();
  await assert.rejects(client.lock('lock/a').acquire(), EtcdLockFailedError);
  await held.release();
  let ran = false;
  await client.lock('lock/a').do(() => { ran = true; });
  assert.ok(ran);
}

async function election({ client, another }) {
  const first = client.election('node-election', 5);
  const campaign = await first.campaign('one').wait();
  assert.equal(await first.leader(), 'one');
  const second = another.election('node-election', 5);
  const waiting = second.campaign('two');
  const observer = await second.observe();
  await campaign.proclaim('uno');
  while (observer.leader() !== 'uno') await once(observer, 'change');
  await campaign.resign();
  await waiting.wait();
  while (observer.leader() !== 'two') await once(observer, 'change');
  await waiting.resign();
  await observer.cancel();
}

async function stm({ client }) {
  await client.put('stm/n').value(0);
  const add = () => client.stm({ retries: 50 }).transact(async tx => {
    await tx.put('stm/n').value((await tx.get('stm/n').number()) + 1);
  });
  await Promise.all(Array.from({ length: 5 }, add));
  assert.equal(await client.get('stm/n').number(), 5);
}

async function namespace({ client }) {
  const inside = client.namespace('space/');
  await inside.put('a').value('1');
  assert.equal(await client.get('space/a'), '1');
  assert.deepEqual(await inside.getAll().keys(), ['a']);
  assert.equal((await inside.delete().all()).deleted, '1');
}

async function maintenance({ client, endpoints }) {
  const members = await client.cluster.memberList({});
  assert.equal(members.members.length, endpoints.length);
  const status = await client.maintenance.status();
  assert.match(status.version, /^3\.\d+\.\d+/);
  const alarms = await client.maintenance.alarm({ action: 'Get', alarm: 'None' });
  assert.deepEqual(alarms.alarms, []);
  const snapshot = await client.maintenance.snapshot();
  let bytes = 0;
  snapshot.on('data', part => { bytes += part.blob.length; });
  await once(snapshot, 'end');
  assert.ok(bytes > 1024, `${bytes} bytes`);
}

async function auth({ client, endpoints }) {
  const role = client.role('reader');
  await role.create();
  await role.grant({ permission: 'Read', range: client.range({ prefix: 'auth/' }) });
  const user = client.user('alice');
  await user.create('secret');
  await user.addRole('reader');
  const root = client.user('root');
  await root.create('top');
  await client.role('root').create();
  await root.addRole('root');
  await client.put('auth/a').value('1');
  await client.auth.authEnable();
  const as = (username, password) => new Etcd3({ hosts: endpoints, auth: { username, password } });
  const [reader, admin] = [as('alice', 'secret'), as('root', 'top')];
  try {
    assert.equal(await reader.get('auth/a'), '1');
    await assert.rejects(async () => reader.put('auth/a').value('2'), /permission denied/);
    await assert.rejects(async () => client.get('auth/a'), /user name is empty/);
    await assert.rejects(async () => as('alice', 'wrong').get('auth/a'), /authentication failed/);
  } finally {
    await admin.auth.authDisable();
    reader.close();
    admin.close();
  }
  await client.user('alice').delete();
  await client.user('root').delete();
  await client.role('reader').delete();
  await client.role('root').delete();
}

export const chapters = {
  kv, txn, watch, lease, lock, election, stm, namespace, maintenance, auth,
};
