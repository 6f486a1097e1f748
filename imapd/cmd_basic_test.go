package imapd

import "testing"

func TestBasic(t *testing.T) {
	newWorld(t).play(`
		Cx: 1 capability
		Sx: * CAPABILITY IMAP4rev1 AUTH=PLAIN …
		Sx: 1 OK Done.
		Cx: 2 NOOP
		Sx: 2 OK Done.
		Cx: 3 NoOp 1
		Sx: 3 BAD Expected the end of the line.
		Cx: 4 NOOP\n\r\n\n5 NOOP
		Sx: 4 OK Done.
		Sx: 5 OK Done.
		Cx: 6 FROBNICATE {4+}\r\n1 LOGOUT {3}
		Sx: 6 BAD There is no command FROBNICATE.
		Cx: 7 LOGOUT
		Sx: * BYE Goodbye.
		Sx: 7 OK Done.
		Ex:
	`)
}
