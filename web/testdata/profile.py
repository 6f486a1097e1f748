# Reads a configuration profile as Apple's own format is read by Python, and
# prints what matters of it as JSON: python3 profile.py < FILE
import json, plistlib, sys

p = plistlib.loads(sys.stdin.buffer.read())
assert p['PayloadType'] == 'Configuration' and p['PayloadVersion'] == 1
parts = {c['PayloadType']: c for c in p['PayloadContent']}
mail, ca = parts['com.apple.mail.managed'], parts['com.apple.security.root']
print(json.dumps({
	'host': mail['IncomingMailServerHostName'], 'port': mail['IncomingMailServerPortNumber'],
	'tls': mail['IncomingMailServerUseSSL'], 'user': mail['IncomingMailServerUsername'],
	'address': mail['EmailAddress'], 'ca': ca['PayloadContent'].hex(),
	'passwords': [k for k in mail if k.endswith('Password') and isinstance(mail[k], str)],
}))
