// Refreshes what changes by itself (elements of class "live") and lets a
// password be copied. Pages work without it.
(function () {
  "use strict";
  if (navigator.clipboard) {
    document.querySelectorAll("button[data-copy]").forEach(function (b) {
      b.hidden = false;
      b.onclick = function () {
        var text = document.getElementById(b.dataset.copy).textContent;
        navigator.clipboard.writeText(text).then(function () { b.classList.add("done"); });
      };
    });
  }
  var main = document.querySelector("main[data-live]");
  if (!main) return;
  function refresh() {
    if (document.hidden) return;
    fetch(main.dataset.live, { credentials: "same-origin" }).then(function (r) {
      return r.ok ? r.text() : "";
    }).then(function (html) {
      if (!html) return;
      var next = new DOMParser().parseFromString(html, "text/html").querySelectorAll(".live");
      document.querySelectorAll(".live").forEach(function (old, i) {
        var busy = old.contains(document.activeElement) && document.activeElement !== document.body;
        if (next[i] && next[i].innerHTML !== old.innerHTML && !busy) old.replaceChildren.apply(old, next[i].childNodes);
      });
    }).catch(function () { /* the hub restarts: the next try finds it */ });
  }
  setInterval(refresh, 3000);
})();
