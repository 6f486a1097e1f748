// Package oauth signs accounts in at providers that take no passwords for
// POP3 any more, or not only: by code on another device (RFC 8628; Microsoft)
// or by a browser that comes back to this computer (RFC 8252 with PKCE, RFC
// 7636; Google). Where no browser runs on this computer, the address that the
// other one's browser was sent to can be pasted.
//
// A sign-in gives a Token: an access token that lasts about an hour, and a
// refresh token that lasts until it is revoked. Some providers replace the
// refresh token each time it is used; the new one must be durable before it is
// used, or a crash would end the sign-in.
package oauth
