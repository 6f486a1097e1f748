package exchange

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// maildirFlags are the letters behind a mail's name.
var maildirFlags = []struct {
	letter byte
	flag   imap.Flag
}{
	{'D', imap.FlagDraft}, {'F', imap.FlagFlagged}, {'P', imap.FlagForwarded}, {'R', imap.FlagAnswered}, {'S', imap.FlagSeen}, {'T', imap.FlagDeleted},
}

// ownName is the name under which Export puts a mail into a Maildir: when it
// arrived, its mailbox's UIDVALIDITY, its UID.
var ownName = regexp.MustCompile(`^(-?\d+)\.V\d+U\d+\.heimpost$`)

// cutInfo cuts a Maildir's file name in the mail's and its letters. Where a
// name may hold no ':', programs write ';' or '!'.
func cutInfo(name string) (base, letters string) {
	for _, sep := range []string{":2,", ";2,", "!2,"} {
		if i := strings.LastIndex(name, sep); i >= 0 {
			return name[:i], name[i+len(sep):]
		}
	}
	return name, ""
}

// letterFlags gives the flags of a mail's letters; the small ones are
// keywords.
func letterFlags(letters string, keywords []imap.Flag) (out []imap.Flag) {
	for i := range len(letters) {
		c := letters[i]
		for _, f := range maildirFlags {
			if f.letter == c {
				out = append(out, f.flag)
			}
		}
		if n := int(c) - 'a'; n >= 0 && n < len(keywords) && keywords[n] != "" {
			out = append(out, keywords[n])
		}
	}
	return out
}

// keywordsFile is where Dovecot says what a Maildir's small letters mean, and
// Export, too.
const keywordsFile = "dovecot-keywords"

// maildirKeywords reads it.
func maildirKeywords(root *os.Root, dir string) (out []imap.Flag) {
	f, _, err := openFile(root, path.Join(dir, keywordsFile))
	if err != nil {
		return nil
	}
	defer f.Close()
	out = make([]imap.Flag, 26)
	lines := bufio.NewScanner(f)
	for n := 0; lines.Scan() && n < len(out); n++ {
		number, word, ok := strings.Cut(lines.Text(), " ")
		if i, err := strconv.Atoi(number); ok && err == nil && i >= 0 && i < len(out) {
			out[i] = imap.Flag(word)
		}
	}
	return out
}

// isMaildir reports whether a folder with these entries is one. tmp may be
// missing, and so may what is empty; a folder that merely is called new is not
// taken for one, except where its name begins with a dot, below another
// Maildir.
func isMaildir(entries []fs.DirEntry, dotted bool) bool {
	has := map[string]bool{}
	for _, e := range entries {
		if e.IsDir() {
			has[e.Name()] = true
		}
	}
	return has["cur"] || has["new"] && (has["tmp"] || dotted)
}

// readMaildir reads a Maildir's mails, by the time of their delivery.
func (t *tree) readMaildir(ctx context.Context, dir string, fn func(*Mail) error) error {
	type file struct{ sub, name string }
	var files []file
	for _, sub := range []string{"cur", "new"} {
		entries, err := t.entries(path.Join(dir, sub))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return readError{err}
		}
		for _, e := range entries {
			if e.IsDir() {
				t.skip(path.Join(dir, sub, e.Name()), "a folder among a Maildir's mails")
			} else if !strings.HasPrefix(e.Name(), ".") && t.regular(path.Join(dir, sub), e) {
				files = append(files, file{sub, e.Name()})
			}
		}
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	keywords := maildirKeywords(t.root, dir)
	for _, f := range files {
		m := t.file(path.Join(dir, f.sub, f.name))
		base, letters := cutInfo(f.name)
		m.Flags = letterFlags(letters, keywords)
		if own := ownName.FindStringSubmatch(base); own != nil {
			if seconds, err := strconv.ParseInt(own[1], 10, 64); err == nil {
				m.Date = time.Unix(seconds, 0).UTC()
			}
		}
		if err := cmp.Or(ctx.Err(), fn(m)); err != nil {
			return err
		}
	}
	return nil
}
