// @ts-check

/**
 * Finds the text of a number in the language of the page: of the `<template>`s that bear the name, each for one plural
 * category (CLDR) in `data-form`, that of the number. Empty where there is none.
 * @param {ParentNode} root
 * @param {string} attribute - of the name, without `data-`
 * @param {string} name
 * @param {number} count
 */
export function pluralOf(root, attribute, name, count) {
  const rules = new Intl.PluralRules(document.documentElement.lang || undefined);
  const forms = [...root.querySelectorAll(`template[data-${attribute}="${CSS.escape(name)}"]`)];
  const form = (/** @type {string} */ category) =>
    forms.find((each) => each instanceof HTMLTemplateElement && each.dataset.form === category);
  const found = form(rules.select(count)) ?? form("other") ?? forms[0];
  return found instanceof HTMLTemplateElement ? (found.content.textContent ?? "").trim() : "";
}
