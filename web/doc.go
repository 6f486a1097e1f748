// Package web is the hub's pages: set-up by a few plain questions, a new
// device, the daily status. What a page does is an action of package hub, the
// same that the command line asks for.
//
// # Shape
//
//	site.go         the table of paths, and what stands around every answer
//	guard.go        who may reach which page from where; headers
//	session.go      who is signed in
//	texts.go        German and English: texts/*.toml, one file a language
//	render.go       pages/*.html with the layout
//	page_NAME.go    one page or one action each
//	rights.go       whose boxes, accounts and devices a visitor may see and change
//	plot.go         small pictures of numbers
//	clientconf/     what mail programs read to configure themselves
//
// # What always holds
//
//   - Beyond this computer no password and no page travels over plain HTTP:
//     what is served there is the certificate authority, /healthz and
//     /metrics, and the way to HTTPS.
//   - Every answer carries a strict Content-Security-Policy: no inline script,
//     nothing from elsewhere. Text of mails and of people is escaped by
//     html/template; a mail is shown as text.
//   - A form is taken only from our own pages (http.CrossOriginProtection);
//     cookies are HttpOnly and SameSite=Strict.
//   - Rights are asked of the hub with each request, not remembered.
//   - Pages work without JavaScript; static/live.js only refreshes what
//     changes by itself.
package web
