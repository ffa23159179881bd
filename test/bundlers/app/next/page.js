'use client'
import { useEffect } from 'react'
import { start } from './start.js'

export default function Page() {
  useEffect(() => {
    start((where, result) => {
      document.body.dataset[where] = JSON.stringify(result)
    })
  }, [])
  return <main>fluxtape, bundled by Next.js</main>
}
