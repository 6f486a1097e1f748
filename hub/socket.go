package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

const (
	// socketFile is the control channel in DATA. Where its path would be too
	// long for a socket, the file socketPath says where it is.
	socketFile = "control.sock"
	socketPath = "control.path"
	// maxSocketPath is what all systems take (macOS: 104 with the final NUL).
	maxSocketPath = 100
)

// listenControl opens the control channel of a data folder. The caller holds
// the folder's lock alone, so what is there already is left over.
func listenControl(dir string) (net.Listener, error) {
	path, pointer := filepath.Join(dir, socketFile), filepath.Join(dir, socketPath)
	if err := os.Remove(pointer); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(path) > maxSocketPath {
		runtime, err := runtimeDir()
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256([]byte(dir))
		path = filepath.Join(runtime, hex.EncodeToString(sum[:12])+".sock")
		if err := writeFile(pointer, []byte(path+"\n"), true); err != nil {
			return nil, err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("the control channel %s cannot be opened: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// dialControl connects to the `serve` of a data folder.
func dialControl(ctx context.Context, dir string) (net.Conn, error) {
	path := filepath.Join(dir, socketFile)
	if text, err := os.ReadFile(filepath.Join(dir, socketPath)); err == nil {
		path = strings.TrimSpace(string(text))
	}
	return (&net.Dialer{}).DialContext(ctx, "unix", path)
}

// runtimeDir gives a folder that is short, and ours alone.
func runtimeDir() (string, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir != "" {
		dir = filepath.Join(dir, "heimpost")
	}
	if dir == "" || len(dir) > maxSocketPath-30 {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("heimpost-%d", os.Getuid()))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() || !ownedByUs(info) {
		return "", fmt.Errorf("%s is not a folder of yours alone: remove it", dir)
	}
	return dir, nil
}
