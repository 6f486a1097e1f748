// A mail program on a new device, built on ImapFlow: it signs in over TLS with
// the authority that the page handed out, sees three mails, and deletes the one
// with a subject: node device.js ADDRESS NAME PORT USER PASSWORD CA [SUBJECT].
// NAME is what the certificate has to hold.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const {ImapFlow} = require('imapflow');

const [address, name, port, user, pass, ca, subject] = process.argv.slice(2);
(async () => {
	const client = new ImapFlow({
		host: address, servername: name, port: Number(port), secure: true, tls: {ca: fs.readFileSync(ca)},
		auth: {user, pass}, clientInfo: {name: 'iOS Mail', version: '18'}, logger: false,
	});
	await client.connect();
	const lock = await client.getMailboxLock('INBOX');
	assert.equal(client.mailbox.exists, 3);
	if (subject) {
		const found = await client.search({subject}, {uid: true});
		assert.equal(found.length, 1);
		assert.ok(await client.messageDelete(found, {uid: true}));
		assert.equal(client.mailbox.exists, 2);
	}
	lock.release();
	await client.logout();
})().catch(err => {
	console.error(err);
	process.exit(1);
});
