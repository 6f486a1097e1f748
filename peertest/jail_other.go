//go:build !linux

package peertest

import (
	"errors"
	"os/exec"
)

func confine(c *exec.Cmd, dir string) { c.Err = errors.ErrUnsupported }

func endGroup(c *exec.Cmd) { c.Process.Kill() }

func nullDevice(string) error { return errors.ErrUnsupported }

func ownNetwork(*exec.Cmd) error { return errors.ErrUnsupported }
