package hub

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// platformDataDir gives the folder where programs of this system keep their
// data.
func platformDataDir() (string, error) {
	switch runtime.GOOS {
	case "windows":
		if dir := os.Getenv("LOCALAPPDATA"); dir != "" {
			return filepath.Join(dir, "Heimpost"), nil
		}
	case "darwin":
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, "Library", "Application Support", "Heimpost"), nil
		}
	default:
		if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
			return filepath.Join(dir, "heimpost"), nil
		}
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, ".local", "share", "heimpost"), nil
		}
	}
	return "", fmt.Errorf("the system names no folder for data: give one with --data or HEIMPOST_DATA")
}
