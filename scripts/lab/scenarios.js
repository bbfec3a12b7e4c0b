export const SCENARIOS = []
export async function runScenario() {}
