package exchange

import "context"

// OpenFiles opens a file or folder as a source; base is the mailbox for what
// lies in no folder of it, "" for INBOX.
func OpenFiles(ctx context.Context, name string) (src Source, base string, err error) {
	t, err := openTree(ctx, name)
	if err != nil {
		return nil, "", err
	}
	return t, t.base, nil
}
