package clientconf

import (
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
	"howett.net/plist"
)

// hostile is text that would break out of a careless template.
const hostile = `Büro "<&>" ]]> ' %EMAILADDRESS%`

var account = Account{
	Name: hostile, Address: "info@example.org", Person: "Petra <b>",
	IMAP: Server{Host: "hub.local", Port: 1993, User: "buero"},
	SMTP: &Server{Host: "smtp.example.org", Port: 587, StartTLS: true, User: "info@example.org"},
}

// element is any XML.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

// texts gives the text of each element without children by its path.
func (e element) texts(path string, into map[string]string) {
	path += "/" + e.XMLName.Local
	for _, a := range e.Attrs {
		into[path+"@"+a.Name.Local] = a.Value
		if a.Name.Local == "type" {
			path += "[" + a.Value + "]"
		}
	}
	if e.XMLName.Local == "Protocol" {
		path += "[" + e.Children[0].Text + "]"
	}
	if len(e.Children) == 0 {
		into[path] = e.Text
	}
	for _, c := range e.Children {
		c.texts(path, into)
	}
}

func parse(t *testing.T, b []byte) map[string]string {
	t.Helper()
	var e element
	if err := xml.Unmarshal(b, &e); err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	texts := map[string]string{}
	e.texts("", texts)
	return texts
}

func expect(t *testing.T, got map[string]string, want map[string]string) {
	t.Helper()
	for path, w := range want {
		if g, ok := got[path]; !ok || g != w {
			t.Errorf("%s: %q, want %q (there: %v)", path, g, w, ok)
		}
	}
}

func TestAutoconfig(t *testing.T) {
	b, err := Autoconfig(account)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, parse(t, b), map[string]string{
		"/clientConfig@version":                                           "1.1",
		"/clientConfig/emailProvider@id":                                  "example.org",
		"/clientConfig/emailProvider/domain":                              "example.org",
		"/clientConfig/emailProvider/displayName":                         hostile,
		"/clientConfig/emailProvider/incomingServer[imap]/hostname":       "hub.local",
		"/clientConfig/emailProvider/incomingServer[imap]/port":           "1993",
		"/clientConfig/emailProvider/incomingServer[imap]/socketType":     "SSL",
		"/clientConfig/emailProvider/incomingServer[imap]/username":       "buero",
		"/clientConfig/emailProvider/incomingServer[imap]/authentication": "password-cleartext",
		"/clientConfig/emailProvider/outgoingServer[smtp]/hostname":       "smtp.example.org",
		"/clientConfig/emailProvider/outgoingServer[smtp]/socketType":     "STARTTLS",
	})
}

func TestAutodiscover(t *testing.T) {
	b, err := Autodiscover(account)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, parse(t, b), map[string]string{
		"/Autodiscover/Response/User/DisplayName":                  "Petra <b>",
		"/Autodiscover/Response/Account/AccountType":               "email",
		"/Autodiscover/Response/Account/Action":                    "settings",
		"/Autodiscover/Response/Account/Protocol[IMAP]/Server":     "hub.local",
		"/Autodiscover/Response/Account/Protocol[IMAP]/Port":       "1993",
		"/Autodiscover/Response/Account/Protocol[IMAP]/SSL":        "on",
		"/Autodiscover/Response/Account/Protocol[IMAP]/LoginName":  "buero",
		"/Autodiscover/Response/Account/Protocol[SMTP]/Encryption": "TLS",
		"/Autodiscover/Response/Account/Protocol[SMTP]/UsePOPAuth": "on",
	})
	if !strings.Contains(string(b), `<Autodiscover xmlns="`+answerSchema+`">`) || !strings.Contains(string(b), `<Response xmlns="`+responseSchema+`">`) {
		t.Errorf("name spaces are missing:\n%s", b)
	}
}

func TestAutodiscoverRequest(t *testing.T) {
	request := func(schema, address string) string {
		return `<Autodiscover xmlns="` + requestSchema + `"><Request><EMailAddress>` + address +
			`</EMailAddress><AcceptableResponseSchema>` + schema + `</AcceptableResponseSchema></Request></Autodiscover>`
	}
	got, err := AutodiscoverRequest(strings.NewReader(request(responseSchema, " Info@Example.org ")))
	if err != nil || got != "info@example.org" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := AutodiscoverRequest(strings.NewReader(request("http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006", "a@b.c"))); !errors.Is(err, ErrNotForUs) {
		t.Errorf("ActiveSync: %v", err)
	}
	for _, bad := range []string{"", "<", request(responseSchema, "no address"), request(responseSchema, "a@b\r\nX: y"),
		strings.Repeat("<a>", 1<<20), `<!DOCTYPE x [<!ENTITY e "x">]>` + request(responseSchema, "&e;@b.c")} {
		if got, err := AutodiscoverRequest(strings.NewReader(bad)); err == nil {
			t.Errorf("%.60q gave %q", bad, got)
		}
	}
}

func TestAutodiscoverJSON(t *testing.T) {
	b, ok, err := AutodiscoverJSON("autodiscoverv1", "https://hub.local/autodiscover/autodiscover.xml")
	if err != nil || !ok || string(b) != `{"Protocol":"AutodiscoverV1","Url":"https://hub.local/autodiscover/autodiscover.xml"}` {
		t.Errorf("%s %v %v", b, ok, err)
	}
	b, ok, err = AutodiscoverJSON(`x"<`, "")
	if err != nil || ok || !strings.Contains(string(b), "InvalidProtocol") {
		t.Errorf("%s %v %v", b, ok, err)
	}
}

func TestProfile(t *testing.T) {
	ca := []byte{0x30, 0x82, 1, 2, 3}
	b, err := Profile(account, ca, "device1")
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		PayloadType, PayloadIdentifier, PayloadUUID string
		PayloadContent                              []map[string]any
	}
	if _, err := plist.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	if p.PayloadType != "Configuration" || len(p.PayloadContent) != 2 {
		t.Fatalf("%+v", p)
	}
	if !regexp.MustCompile(`^[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$`).MatchString(p.PayloadUUID) {
		t.Errorf("UUID %s", p.PayloadUUID)
	}
	if got := p.PayloadContent[0]; got["PayloadType"] != "com.apple.security.root" || string(got["PayloadContent"].([]byte)) != string(ca) {
		t.Errorf("authority: %v", got)
	}
	mail := p.PayloadContent[1]
	for key, want := range map[string]any{
		"EmailAccountType": "EmailTypeIMAP", "IncomingMailServerHostName": "hub.local", "IncomingMailServerPortNumber": uint64(1993),
		"IncomingMailServerUseSSL": true, "IncomingMailServerUsername": "buero", "EmailAccountDescription": hostile,
		"OutgoingMailServerHostName": "smtp.example.org", "OutgoingMailServerPortNumber": uint64(587),
	} {
		if mail[key] != want {
			t.Errorf("%s: %v, want %v", key, mail[key], want)
		}
	}
	for key := range mail {
		if strings.HasSuffix(key, "Password") && key != "OutgoingPasswordSameAsIncomingPassword" {
			t.Errorf("a password in the profile: %s", key)
		}
	}
	again, err := Profile(account, ca, "device1")
	if err != nil || string(again) != string(b) {
		t.Error("the same device gets another profile each time")
	}
}

func TestCleanAddress(t *testing.T) {
	for in, want := range map[string]string{
		"Marko@GMX.de": "marko@gmx.de", " a.b+c@example.org ": "a.b+c@example.org",
		"": "", "marko": "", "a@b\r\nHost: x": "", `"x y"@b.c`: "", "Marko <a@b.c>": "", "a@b<script>": "",
		strings.Repeat("a", 300) + "@b.c": "",
	} {
		got, err := CleanAddress(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
}

// TestQRIsRead draws the SVG's modules and has another program's reader
// decode them.
func TestQRIsRead(t *testing.T) {
	const text = "http://192.168.1.20:8143/d/abcdefghijklmnop"
	svg, err := QR(text, hostile)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal([]byte(svg), new(element)); err != nil {
		t.Fatal(err)
	}
	side, _ := strconv.Atoi(regexp.MustCompile(`viewBox="0 0 (\d+)`).FindStringSubmatch(svg)[1])
	const scale = 8
	img := image.NewGray(image.Rect(0, 0, side*scale, side*scale))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	runs := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1`).FindAllStringSubmatch(svg, -1)
	for _, r := range runs {
		x, _ := strconv.Atoi(r[1])
		y, _ := strconv.Atoi(r[2])
		n, _ := strconv.Atoi(r[3])
		for dy := range scale {
			for dx := range n * scale {
				img.SetGray(x*scale+dx, y*scale+dy, color.Gray{})
			}
		}
	}
	bmp, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	got, err := qrcode.NewQRCodeReader().Decode(bmp, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.GetText() != text {
		t.Errorf("read %q", got.GetText())
	}
}

func FuzzAutodiscoverRequest(f *testing.F) {
	f.Add(`<Autodiscover><Request><EMailAddress>a@b.c</EMailAddress></Request></Autodiscover>`)
	f.Fuzz(func(t *testing.T, body string) {
		if a, err := AutodiscoverRequest(strings.NewReader(body)); err == nil && strings.ContainsAny(a, "\r\n<>\"& ") {
			t.Errorf("address %q", a)
		}
	})
}
