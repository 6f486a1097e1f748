// What a program built on ImapFlow does with a mailbox, by two connections that
// must hear of each other: node imapflow.js PORT USER PASSWORD CA
const assert = require('node:assert/strict');
const fs = require('node:fs');
const {ImapFlow} = require('imapflow');

const [port, user, pass, ca] = process.argv.slice(2);
const connect = async () => {
	const client = new ImapFlow({
		host: 'localhost', port: Number(port), secure: true, tls: {ca: fs.readFileSync(ca)},
		auth: {user, pass}, qresync: true, logger: false,
	});
	await client.connect();
	return client;
};
const mail = n => [
	'From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>', 'To: marko@example.org', 'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= ' + n,
	`Message-ID: <${n}@example.org>`, 'Date: Wed, 25 Nov 2026 10:00:00 +0100', 'MIME-Version: 1.0',
	'Content-Type: multipart/mixed; boundary=b', '',
	'--b', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: quoted-printable', '', 'Hallo =E2=82=AC Welt',
	'--b', 'Content-Type: application/pdf', 'Content-Transfer-Encoding: base64', 'Content-Disposition: attachment; filename="r.pdf"', '', 'JVBERi0xLjQK',
	'--b--', '',
].join('\r\n');
const read = async stream => {
	const chunks = [];
	for await (const chunk of stream) chunks.push(chunk);
	return Buffer.concat(chunks).toString();
};
const all = async list => {
	const out = [];
	for await (const m of list) out.push(m);
	return out;
};
// An event that must come of itself, also of one that idles.
const hears = (client, event) => new Promise(resolve => client.once(event, resolve));

(async () => {
	const phone = await connect(), office = await connect();
	assert.equal(phone.serverInfo.name, 'Heimpost');
	assert.ok(phone.enabled.has('QRESYNC'));

	const uses = (await phone.list()).map(m => `${m.path} ${m.specialUse}`).sort();
	assert.deepEqual(uses, ['Archive \\Archive', 'Drafts \\Drafts', 'INBOX \\Inbox', 'Junk \\Junk', 'Sent \\Sent', 'Trash \\Trash']);
	await phone.mailboxOpen('INBOX');
	await office.mailboxOpen('INBOX');

	for (let n = 1; n <= 5; n++) {
		const heard = hears(office, 'exists');
		office.idle();
		assert.equal((await phone.append('INBOX', mail(n), n % 2 ? [] : ['\\Seen'], new Date(Date.UTC(2020, 1, n)))).uid, n);
		assert.equal((await heard).count, n);
	}

	const search = what => phone.search(what, {uid: true});
	assert.deepEqual(await search({subject: 'GRÜSSE'}), [1, 2, 3, 4, 5]);
	assert.deepEqual(await search({subject: 'grüße 3'}), [3]);
	assert.deepEqual(await search({body: '€ welt'}), [1, 2, 3, 4, 5]);
	assert.deepEqual(await search({seen: false}), [1, 3, 5]);
	assert.deepEqual(await search({or: [{from: 'nobody'}, {seen: true}], since: '2020-02-03'}), [4]);

	const [one] = await all(phone.fetch('1', {uid: true, envelope: true, bodyStructure: true, flags: true, internalDate: true,
		size: true, headers: ['subject', 'x-none'], source: true, bodyParts: ['1', {key: '2', start: 2, maxLength: 3}]}));
	assert.equal(one.envelope.subject, 'Grüße 1');
	assert.equal(one.envelope.from[0].name, 'Jürgen');
	assert.equal(one.internalDate.toISOString(), '2020-02-01T00:00:00.000Z');
	assert.equal(one.source.toString(), mail(1));
	assert.equal(one.size, mail(1).length);
	assert.equal(one.bodyStructure.childNodes[1].dispositionParameters.filename, 'r.pdf');
	assert.equal(one.bodyParts.get('1').toString(), 'Hallo =E2=82=AC Welt');
	assert.equal(one.bodyParts.get('2').toString(), 'BER');
	assert.equal((await read((await phone.download('1', '1')).content)).trim(), 'Hallo € Welt');
	assert.equal(await read((await phone.download('1', '2')).content), '%PDF-1.4\n');

	const {highestModseq} = await phone.status('INBOX', {highestModseq: true});
	let heard = hears(office, 'flags');
	office.idle();
	await phone.messageFlagsAdd('3', ['\\Flagged', 'Rechnung'], {uid: true});
	assert.deepEqual([...(await heard).flags].filter(f => f !== '\\Recent').sort(), ['Rechnung', '\\Flagged']);
	assert.deepEqual((await all(phone.fetch('1:*', {uid: true, flags: true}, {changedSince: highestModseq}))).map(m => m.uid), [3]);

	assert.deepEqual([...(await phone.messageCopy('1:2', 'Archive', {uid: true})).uidMap], [[1, 1], [2, 2]]);
	await phone.mailboxCreate(['Kunden', 'Süd & Nord']);
	heard = hears(office, 'expunge');
	office.idle();
	assert.deepEqual([...(await phone.messageMove('2', 'Kunden/Süd & Nord', {uid: true})).uidMap], [[2, 1]]);
	await heard;
	await phone.mailboxRename('Kunden/Süd & Nord', 'Kunden/Süd');
	assert.equal((await phone.status('Kunden/Süd', {messages: true, unseen: true})).messages, 1);
	await phone.mailboxDelete('Kunden/Süd');

	heard = hears(office, 'expunge');
	office.idle();
	await phone.messageDelete('1', {uid: true});
	await heard;
	await office.noop();
	assert.deepEqual(await office.search({all: true}, {uid: true}), [3, 4, 5]);
	assert.equal((await phone.getQuota('INBOX')).storage.usage > 0, true);
	await phone.logout();
	await office.logout();
})().catch(err => {
	console.error(err);
	process.exit(1);
});
