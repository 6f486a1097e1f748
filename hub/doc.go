// Package hub wires persons, devices, boxes and accounts together: it keeps
// them in DATA/hub.db, opens boxes once for everybody, says who may log in,
// hands accounts to the fetcher, and runs the actions that commands and pages
// ask for.
//
// # Shape
//
//	hub.go          opening and closing a data folder
//	schema.go       hub.db
//	names.go        what persons and boxes may be called
//	password.go     passwords of persons (argon2id) and devices (random bits)
//	secret.go       providers' passwords and sign-ins, encrypted at rest
//	boxes.go        boxes that are open, shared and counted
//	login.go        name and password to a view; what is remembered of it
//	throttle.go     what failed logins cost
//	sessions.go     who is connected, and how a revocation reaches him
//	directory.go    what the fetcher asks
//	op.go, op_*.go  the actions, one a file, each with its parameters and result
//	control.go      the control channel: an action asked for by another process
//	connect.go      a command's way to the data: through `serve`, or by itself
//	serve.go        the running hub
//	errors.go, german.go  errors for people, in both languages
//	network.go      the switch that lets devices of the home network in
//
// # Who writes
//
// `serve` holds DATA/lock alone; commands hold it together with other
// commands, or else ask `serve` to act for them. So nobody writes beside
// `serve`, and what it keeps in memory about logins is true.
package hub
