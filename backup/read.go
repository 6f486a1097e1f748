package backup

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"hash"
	"io"

	"heimpost/store"
)

// checked is a file of a snapshot that is being read.
type checked struct {
	store.File
	hash hash.Hash
	sum  sum
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.File.Read(p)
	c.hash.Write(p[:n])
	if err == io.EOF && fmt.Sprintf("%x", c.hash.Sum(nil)) != c.sum.hash {
		err = fmt.Errorf("%s: %w", c.sum.file, errIncorrect)
	}
	return n, err
}

// unzip calls read with the bytes of a compressed file of the snapshot. What
// read makes of them counts only if unzip gives no error.
func (s *Snapshot) unzip(name string, read func(io.Reader) error) error {
	f, err := s.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err == nil {
		err = read(z)
	}
	// To the end, so that the whole file is compared with its hash: that tells
	// best what is wrong.
	if _, rest := io.Copy(io.Discard, f); errors.Is(rest, errIncorrect) {
		return rest
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// maxLine bounds a line of a list.
const maxLine = 64 << 10

// lines calls take for each line of a compressed list.
func (s *Snapshot) lines(name string, take func(line string) error) error {
	return s.unzip(name, func(r io.Reader) error {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxLine)
		for lines.Scan() {
			if err := take(lines.Text()); err != nil {
				return err
			}
		}
		return lines.Err()
	})
}

// check reads a file of the snapshot to its end.
func (s *Snapshot) check(name string) error {
	f, err := s.open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}
