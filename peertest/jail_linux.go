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
