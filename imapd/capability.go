package imapd

import (
	"strconv"
	"strings"
)

// capability is one thing that the server can do and may offer.
type capability struct {
	name string
	rfc  string
	what string // for the reader of docs/rfc.md
	// offered says whether the connection's client is told of it now.
	offered func(*conn) bool
	// full: offered only with Config.Capabilities = "full", for clients are
	// known to break on it.
	full bool
	// enable: ENABLE takes it.
	enable bool
}

// capabilities is all that the server can do, in the order in which clients
// are told.
var capabilities = []capability{
	{name: "IMAP4rev1", rfc: "3501", what: "all commands, FETCH items and SEARCH keys", offered: always},
	{name: "IMAP4rev2", rfc: "9051", what: "once it is enabled, answers are those of rev2", offered: always, full: true, enable: true},
	{name: "STARTTLS", rfc: "3501 §6.2.1", what: "on listeners without TLS", offered: (*conn).canStartTLS},
	{name: "LOGINDISABLED", rfc: "3501 §6.2.3", what: "without TLS from other hosts", offered: (*conn).mustEncrypt},
	{name: "AUTH=PLAIN", rfc: "4616", what: "", offered: (*conn).mayLogIn},
	{name: "AUTH=LOGIN", rfc: "draft-murchison-sasl-login", what: "Outlook uses it", offered: (*conn).mayLogIn},
	{name: "SASL-IR", rfc: "4959", what: "", offered: always},
	{name: "LITERAL+", rfc: "7888", what: "rejected literals are drained, or the connection ends", offered: always},
	{name: "ID", rfc: "2971", what: "answered with fields, before login too", offered: always},
	{name: "ENABLE", rfc: "5161", what: "", offered: always},
	{name: "IDLE", rfc: "2177", what: "also with nothing selected", offered: always},
	{name: "NAMESPACE", rfc: "2342", what: "boxes of others stand in the shared namespace", offered: inside},
	{name: "CHILDREN", rfc: "3348", what: "", offered: inside},
	{name: "SPECIAL-USE", rfc: "6154", what: "attributes also in plain LIST and LSUB", offered: inside},
	{name: "CREATE-SPECIAL-USE", rfc: "6154 §3", what: "one use for a mailbox, one mailbox for a use", offered: inside},
	{name: "LIST-EXTENDED", rfc: "5258", what: "", offered: inside},
	{name: "LIST-STATUS", rfc: "5819", what: "", offered: inside},
	{name: "STATUS=SIZE", rfc: "8438", what: "", offered: inside},
	{name: "XLIST", rfc: "Google", what: "for Outlook 2013 and 2016", offered: inside},
	{name: "MULTIAPPEND", rfc: "3502", what: "all or none, at most 1,000 mails and 1 GiB", offered: inside},
	{name: "APPENDLIMIT", rfc: "7889", what: "with the limit as its value", offered: inside},
	{name: "CATENATE", rfc: "4469", what: "URLs of this server, without a host", offered: inside},
	{name: "REPLACE", rfc: "8508", what: "the new mail is stored before the old one goes", offered: inside},
	{name: "METADATA", rfc: "5464", what: "without responses that nobody asked for; lost by a rebuild", offered: inside},
	{name: "QUOTA", rfc: "9208", what: "a box is a quota root", offered: (*conn).hasQuota},
	{name: "QUOTA=RES-STORAGE", rfc: "9208", what: "the limit is the disk's size; SETQUOTA is refused", offered: (*conn).hasQuota},
	{name: "ACL", rfc: "4314", what: "rights are told; they are given by `heimpost box grant`", offered: inside},
	{name: "RIGHTS=texk", rfc: "4314", what: "", offered: inside},
	{name: "COMPRESS=DEFLATE", rfc: "4978", what: "no memory for what is not in use; every way to flush is understood", offered: (*conn).canCompress},
	{name: "UNSELECT", rfc: "3691", what: "", offered: inside},
	{name: "UIDPLUS", rfc: "4315", what: "UID EXPUNGE, APPENDUID, COPYUID", offered: inside},
	{name: "MOVE", rfc: "6851", what: "also between boxes", offered: inside},
	{name: "ESEARCH", rfc: "4731", what: "", offered: inside},
	{name: "SEARCHRES", rfc: "5182", what: "", offered: inside},
	{name: "WITHIN", rfc: "5032", what: "OLDER and YOUNGER by INTERNALDATE", offered: inside},
	{name: "SORT", rfc: "5256", what: "", offered: inside},
	{name: "SORT=DISPLAY", rfc: "5957", what: "", offered: inside},
	{name: "ESORT", rfc: "5267", what: "", offered: inside},
	{name: "THREAD=REFERENCES", rfc: "5256", what: "", offered: inside},
	{name: "THREAD=ORDEREDSUBJECT", rfc: "5256", what: "", offered: inside},
	{name: "CONDSTORE", rfc: "7162", what: "", offered: inside, enable: true},
	{name: "QRESYNC", rfc: "7162", what: "nothing that was expunged is ever forgotten", offered: inside, enable: true},
	{name: "BINARY", rfc: "3516", what: "", offered: inside},
	{name: "SAVEDATE", rfc: "8514", what: "", offered: inside},
	{name: "PREVIEW", rfc: "8970", what: "LAZY changes nothing", offered: inside},

	{name: "NOTIFY", rfc: "5465", what: "without AnnotationChange and the metadata events", offered: inside, full: true},
	{name: "INPROGRESS", rfc: "9585", what: "after ten seconds, then every ten", offered: inside, full: true},
	{name: "UNAUTHENTICATE", rfc: "8437", what: "", offered: inside, full: true},
	{name: "UTF8=ACCEPT", rfc: "6855", what: "", offered: inside, full: true, enable: true},
	{name: "LIST-METADATA", rfc: "9590", what: "", offered: inside, full: true},
	{name: "LIST-MYRIGHTS", rfc: "8440", what: "", offered: inside, full: true},
	{name: "OBJECTID", rfc: "8474", what: "EMAILID is the hash of the mail; THREADID is NIL", offered: inside, full: true},
	{name: "UIDONLY", rfc: "9586", what: "", offered: inside, full: true, enable: true},
	{name: "PARTIAL", rfc: "9394", what: "", offered: inside, full: true},
	{name: "CONTEXT=SEARCH", rfc: "5267", what: "UPDATE for SEARCH, refused for SORT", offered: inside, full: true},
	{name: "SEARCH=FUZZY", rfc: "6203", what: "finds what an exact search finds", offered: inside, full: true},
	{name: "MULTISEARCH", rfc: "7377", what: "", offered: inside, full: true},
}

// missing is an extension that is not done.
type missing struct{ name, rfc, why string }

// notDone is what the server cannot do, with the reason.
var notDone = []missing{
	{"LITERAL-", "7888", "LITERAL+ is offered; the RFC forbids both"},
	{"AUTH=SCRAM-*", "5802, 7677", "a person's password is kept as argon2id only; TLS is everywhere"},
	{"LOGIN-REFERRALS, MAILBOX-REFERRALS", "2221, 2193", "there is one server"},
	{"URLAUTH, URL-PARTIAL", "4467, 5550", "no client in use needs them"},
	{"UIDBATCHES", "draft-ietf-mailmaint-imap-uidbatches", "a draft that still changes"},
	{"CONTEXT=SORT", "5267", "no client in use asks for it; UPDATE is refused for SORT"},
	{"XAPPLEPUSHSERVICE", "Apple", "needs a certificate of Apple"},
}

func always(*conn) bool { return true }

// inside: what makes sense only after login is told only then.
func inside(c *conn) bool { return c.login != nil }

// offers gives the names of the capabilities that the client is told of now.
func (c *conn) offers() []string {
	var out []string
	for i := range capabilities {
		k := &capabilities[i]
		switch {
		case !c.has(k):
		case k.name == "APPENDLIMIT":
			out = append(out, k.name+"="+strconv.FormatInt(c.srv.cfg.MaxMessage, 10))
		default:
			out = append(out, k.name)
		}
	}
	return out
}

// has reports whether a capability is there for this client.
func (c *conn) has(k *capability) bool {
	if k.full && c.srv.cfg.Capabilities != "full" {
		return false
	}
	if c.login != nil && c.login.Without[strings.ToUpper(k.name)] {
		return false
	}
	return k.offered(c)
}

// offer finds an offered capability by name, compared without case.
func (c *conn) offer(name string) *capability {
	for i := range capabilities {
		if k := &capabilities[i]; strings.EqualFold(k.name, name) && c.has(k) {
			return k
		}
	}
	return nil
}
