//go:build !windows

package main

import "syscall"

// What the program writes is nobody else's to read.
func init() { syscall.Umask(0o077) }
