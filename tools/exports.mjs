// What the library exports and what its docstrings say, read by TypeScript; for tools/check-docs.mjs and for the test that runs the examples.
import { relative } from 'node:path'
import ts from 'typescript'
import { SOURCES } from './entries.mjs'

const MODULES = SOURCES.map(({ source, api = source }) => api)

/** Every public export of the entries, once, with the public members of its class. */
export function publicExports() {
  return exportsAs(describe)
}

/** The examples of every public export alone, which takes a third of the time. */
export function publicExamples() {
  return exportsAs((checker, _, { name }, symbol) => ({
    name,
    place: placeOf(declarationOf(symbol)),
    examples: examplesIn(symbol.getJsDocTags(checker)),
  }))
}

function exportsAs(describe) {
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, process.cwd())
  const program = ts.createProgram([...MODULES, 'src/globals.d.ts'], options)
  const checker = program.getTypeChecker()
  const found = new Map()
  for (const entry of MODULES) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry))
    for (const exported of checker.getExportsOfModule(module)) {
      found.set(exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported, exported)
    }
  }
  const known = new Set(Array.from(found.keys(), declarationOf))
  return Array.from(found, ([symbol, exported]) => describe(checker, known, exported, symbol))
}

function declarationOf(symbol) {
  return symbol.valueDeclaration ?? symbol.declarations[0]
}

function describe(checker, known, exported, symbol) {
  const { name } = exported
  const declaration = declarationOf(symbol)
  const kind = isTypeOnly(exported) ? 'type' : kindOf(checker, symbol, declaration)
  const tags = symbol.getJsDocTags(checker)
  return {
    name,
    kind,
    place: placeOf(declaration),
    text: ts.displayPartsToString(symbol.getDocumentationComment(checker)),
    signatures: signaturesOf(checker, symbol, declaration, kind),
    source: ts.isInterfaceDeclaration(declaration) ? declaration.getText() : '',
    examples: examplesIn(tags),
    thrown: ts.isClassDeclaration(declaration) ? [] : thrownIn(checker, known, declaration),
    hasTensors: takesTensors(checker, symbol, declaration),
    members: ts.isClassDeclaration(declaration)
      ? declaration.members.filter(isPublic).map(member => describeMember(checker, known, name, member))
      : [],
  }
}

function placeOf(declaration) {
  const file = declaration.getSourceFile()
  return `${relative(process.cwd(), file.fileName)}:${file.getLineAndCharacterOfPosition(declaration.getStart()).line + 1}`
}

function examplesIn(tags) {
  return tags.filter(tag => tag.name === 'example').map(tag => ts.displayPartsToString(tag.text))
}

/** `function` for what is called, `class` for what is made with `new`, `error`, `type`, or `constant`. */
function kindOf(checker, symbol, declaration) {
  if (ts.isClassDeclaration(declaration)) {
    return checker.getTypeOfSymbol(symbol).getProperty('captureStackTrace') || isError(checker, symbol) ? 'error' : 'class'
  }
  if (ts.isInterfaceDeclaration(declaration) || ts.isTypeAliasDeclaration(declaration)) return 'type'
  return checker.getTypeOfSymbolAtLocation(symbol, declaration).getCallSignatures().length > 0 ? 'function' : 'constant'
}

function isError(checker, symbol) {
  return checker.getDeclaredTypeOfSymbol(symbol).getProperty('stack') !== undefined
}

function isPublic(member) {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected
  if (!member.name || !ts.isIdentifier(member.name) || ts.getCombinedModifierFlags(member) & hidden) return false
  return !ts.getJSDocTags(member).some(tag => tag.tagName.text === 'internal')
}

function describeMember(checker, known, owner, member) {
  const { symbol } = member
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker))
  const isMethod = ts.isMethodDeclaration(member)
  const signatures = isMethod ? callsOf(checker, checker.getTypeOfSymbolAtLocation(symbol, member).getCallSignatures()) : []
  return { name: `${owner}.${symbol.name}`, text, signatures, thrown: thrownIn(checker, known, member) }
}

/** How a function is called, or a class made, each way: `(x: Tensor, axis?: number): Tensor`. */
function signaturesOf(checker, symbol, declaration, kind) {
  const type = checker.getTypeOfSymbolAtLocation(symbol, declaration)
  if (kind === 'function') return callsOf(checker, type.getCallSignatures())
  return kind === 'class' ? callsOf(checker, type.getConstructSignatures()) : []
}

function callsOf(checker, signatures) {
  const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope
  return signatures.map(signature => checker.signatureToString(signature, undefined, flags))
}

function isTypeOnly({ declarations }) {
  return declarations.some(each => ts.isExportSpecifier(each) && (each.isTypeOnly || each.parent.parent.isTypeOnly))
}

/** The errors that are thrown in a declaration, and in the functions of its own file that it refers to; other exports speak for themselves. */
function thrownIn(checker, known, declaration) {
  const names = new Set()
  const seen = new Set()
  const pending = [declaration]
  const visit = node => {
    if (ts.isThrowStatement(node) && node.expression) {
      const { expression } = node
      if (ts.isNewExpression(expression)) names.add(expression.expression.getText())
      else if (ts.isCallExpression(expression)) names.add(checker.typeToString(checker.getTypeAtLocation(expression)))
    }
    if (ts.isIdentifier(node)) {
      const target = checker.getSymbolAtLocation(node)?.valueDeclaration
      if (target && !known.has(target) && isLocalFunction(target, declaration)) pending.push(target)
    }
    ts.forEachChild(node, visit)
  }
  for (let next = pending.pop(); next; next = pending.pop()) {
    if (seen.has(next)) continue
    seen.add(next)
    visit(next)
  }
  return [...names].sort()
}

function isLocalFunction(target, declaration) {
  if (target.getSourceFile() !== declaration.getSourceFile()) return false
  return ts.isFunctionDeclaration(target) || (ts.isVariableDeclaration(target) && target.parent.parent.parent === target.getSourceFile())
}

function takesTensors(checker, symbol, declaration) {
  const type = checker.getTypeOfSymbolAtLocation(symbol, declaration)
  return type.getCallSignatures().some(signature => /\bTensor\b/.test(checker.signatureToString(signature)))
}
