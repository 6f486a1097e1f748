package peertest

import (
	"os"
	"os/exec"
	"syscall"
)

// confine lets a command take dir for the whole system, and be the first of a
// group of processes.
func confine(c *exec.Cmd, dir string) {
	c.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Setpgid: true}
}

// endGroup ends a command's processes.
func endGroup(c *exec.Cmd) { syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }

// nullDevice makes /dev/null; where that is not allowed a file does.
func nullDevice(name string) error {
	if syscall.Mknod(name, syscall.S_IFCHR|0o666, 1<<8|3) == nil {
		return os.Chmod(name, 0o666)
	}
	return os.WriteFile(name, nil, 0o666)
}

// ownNetwork gives a command a network of its own, in which it may make
// addresses. Who is not root gets a user namespace with it.
func ownNetwork(c *exec.Cmd) error {
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		const netAdmin = 12 // CAP_NET_ADMIN
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}}
		c.SysProcAttr.AmbientCaps = []uintptr{netAdmin}
	}
	return nil
}
