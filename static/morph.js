// Brings an element to a new state with as few changes as possible: what is open stays open, what has focus keeps it.

/** Makes `old`'s children those of `fresh`. Elements with `data-key` are recognised by it; new ones get the class `fresh`. */
export function morphChildren(old, fresh) {
  const keyed = new Map();
  for (const child of old.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  const wasFilled = keyed.size > 0;
  let place = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const key = wanted.dataset?.key;
    const match = key ? keyed.get(key) : place && !place.dataset?.key && isAlike(place, wanted) ? place : null;
    if (!match) {
      if (key && wasFilled) wanted.classList.add("fresh");
      old.insertBefore(wanted, place);
      continue;
    }
    keyed.delete(key);
    if (match === place) place = place.nextSibling;
    else old.insertBefore(match, place);
    morph(match, wanted);
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.dataset?.stream && old.dataset.stream === fresh.dataset?.stream) return; // what a model writes comes by itself
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !isTheirs(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !isTheirs(old, name)) old.setAttribute(name, value);
  }
  morphChildren(old, fresh);
}

/** What the reader opened or closed is not ours to change. */
function isTheirs(element, name) {
  return element.localName === "details" && name === "open";
}

function isAlike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id ?? "") === (b.id ?? "");
}
